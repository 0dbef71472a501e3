package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.PoolingStrategy.Piece;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The life of a strategy's {@link Piece}: closing it frees the piece. Most pieces are never seen
 * through a segment of the kind POOL, so the shared arena that such segments need is made for the
 * first of them.
 *
 * <p><b>Invariant.</b> The piece is freed once: it is forgotten before, unless freeing it is
 * refused on this thread, which changes nothing. It is freed after every segment of it is dead.
 *
 * <p><b>Threads.</b> {@link #scope} by any, while the block is out; {@link #close} by whoever owns
 * the block when nobody uses it any more.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>life</td><td>volatile</td><td>CAS from null; plain at the end</td><td>the block's owner at the end</td></tr>
 * <tr><td>piece</td><td>plain</td><td>plain</td><td>the block's owner</td></tr>
 * </table>
 */
final class PieceArena implements Arena {
  private static final System.Logger LOG = System.getLogger(PieceArena.class.getName());
  private static final VarHandle LIFE;

  static {
    try {
      LIFE = MethodHandles.lookup().findVarHandle(PieceArena.class, "life", Arena.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final String strategy;
  private volatile @Nullable Arena life;
  private @Nullable Piece piece;

  /** Takes over a piece of a strategy's. */
  PieceArena(String strategy, Piece piece) {
    this.strategy = strategy;
    this.piece = piece;
  }

  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    throw new UnsupportedOperationException("the arena of one piece of strategy " + strategy);
  }

  @Override
  public MemorySegment.Scope scope() {
    Arena present = life;
    if (present == null) {
      Arena fresh = Arena.ofShared();
      present = (Arena) LIFE.compareAndExchange(this, null, fresh);
      if (present == null) {
        present = fresh;
      } else {
        fresh.close();
      }
    }
    return present.scope();
  }

  /**
   * Ends the segments and frees the piece. A strategy that fails to has it freed all the same, as
   * far as the heap knows: trying again could free what is somebody else's by then.
   *
   * @throws IllegalStateException if native code is running that was given a segment: nothing has
   *     changed
   * @throws WrongThreadException if only another thread can free it: segments are dead, the piece
   *     is there
   */
  @Override
  public void close() {
    Arena shared = life;
    if (shared != null) {
      shared.close();
      life = null;
    }
    Piece freed = piece;
    if (freed == null) {
      return;
    }
    piece = null;
    try {
      freed.free();
    } catch (WrongThreadException e) {
      piece = freed;
      throw e;
    } catch (RuntimeException | Error e) {
      LOG.log(
          Level.ERROR,
          "strategy %s failed to free %s: its memory may be lost".formatted(strategy, freed),
          e);
    }
  }
}

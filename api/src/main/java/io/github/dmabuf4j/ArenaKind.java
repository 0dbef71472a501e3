package io.github.dmabuf4j;

import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/**
 * Whose life a segment shares, that is how a use after close is noticed (design rule VM4). No kind
 * can crash the JVM: memory is never unmapped or reused while a {@link Hold} on it is open.
 *
 * <table>
 * <caption>The three kinds</caption>
 * <tr><th>kind</th><th>threads</th><th>use after close</th><th>cost of open and close</th></tr>
 * <tr><td>{@link #CONFINED}</td><td>the one that opened it</td><td>{@link IllegalStateException}, elsewhere {@link
 *   WrongThreadException}</td><td>about 14 ns</td></tr>
 * <tr><td>{@link #SHARED}</td><td>all</td><td>{@link IllegalStateException}</td><td>10 to 120 µs, growing with the number of
 *   threads: one per job, not one per touch</td></tr>
 * <tr><td>{@link #POOL}</td><td>all</td><td>unnoticed (with the validator on: as SHARED)</td><td>nothing</td></tr>
 * </table>
 */
public enum ArenaKind {
  /** Segments of a confined arena: for the thread that opened them. The default. */
  CONFINED,
  /** Segments of a shared arena: for any thread. */
  SHARED,
  /**
   * Segments that live as long as the pool's own memory: by explicit request, for code that closes
   * carefully.
   */
  POOL;

  /** A new arena of this kind; null where segments have the life of the pool's own memory. */
  @Nullable Arena open() {
    return switch (this) {
      case CONFINED -> Arena.ofConfined();
      case SHARED -> Arena.ofShared();
      case POOL -> Lockdep.isEnabled() ? Arena.ofShared() : null;
    };
  }
}

package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A descriptor that is closed exactly once (design rule DV3), not while a call uses it, and counted
 * in a {@link DescriptorBudget} until then. One that is lost is closed when it is collected, and a
 * warning names it.
 *
 * <p><b>Invariant.</b> {@code state} of its owner is the number of calls that use the descriptor,
 * plus ENDED once it was closed or detached; nothing begins after that. It is closed by whoever
 * makes the state ENDED with no user left: the closer, or the last user; or handed over then, to be
 * closed by a {@link ClosingThread}. A number that was closed may be given to anybody at once, so
 * it is never closed again, whatever close says.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>state</td><td>volatile</td><td>CAS</td></tr>
 * <tr><td>closing</td><td>volatile</td><td>volatile, by its owner before somebody else has the file</td></tr>
 * </table>
 *
 * <p><b>Threads.</b> Any. Calls made inside {@link #use} may run at once. What a {@link Poller}
 * waits for is in use, too.
 */
public final class Descriptor implements OwnedFd {
  private static final System.Logger LOG = System.getLogger(Descriptor.class.getName());
  private static final Cleaner CLEANER =
      Cleaner.create(
          Thread.ofPlatform()
              .name("dmabuf4j-lost-descriptors")
              .daemon()
              .inheritInheritableThreadLocals(false)
              .factory());

  /** What a descriptor is for: each kind has a budget of its own. */
  public enum Kind {
    /** The memory of a buffer. */
    BUFFER,
    /** A fence of the kernel or of another process. */
    FENCE,
    /** A connection to another process. */
    SOCKET,
    /** A device, or what this library waits with. */
    DEVICE
  }

  /** All but the object that users have: reachable from the cleaner. */
  private static final class Owner extends ClosingThread.Closing implements Runnable {
    private static final int ENDED = 1 << 31;
    private static final VarHandle STATE;

    static {
      try {
        STATE = MethodHandles.lookup().findVarHandle(Owner.class, "state", int.class);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    final DescriptorBudget budget;
    final DescriptorBudget.Entry entry;
    private volatile int state;
    volatile @Nullable ClosingThread closing;

    Owner(DescriptorBudget budget, DescriptorBudget.Entry entry) {
      this.budget = budget;
      this.entry = entry;
    }

    boolean hasEnded() {
      return (state & ENDED) != 0;
    }

    boolean tryBegin() {
      while (true) {
        int now = state;
        if ((now & ENDED) != 0) {
          return false;
        }
        if (STATE.compareAndSet(this, now, now + 1)) {
          return true;
        }
      }
    }

    void end() {
      if ((int) STATE.getAndAdd(this, -1) - 1 == ENDED) {
        close();
      }
    }

    /** Nobody uses it, and nobody will. */
    private void close() {
      ClosingThread other = closing;
      if (other == null) {
        closeNow();
      } else {
        other.close(this);
      }
    }

    @Override
    void closeNow() {
      budget.close(entry);
    }

    /** True for the first one only. */
    boolean tryClose() {
      int before = (int) STATE.getAndBitwiseOr(this, ENDED);
      if (before == 0) {
        close();
      }
      return (before & ENDED) == 0;
    }

    boolean tryDetach() {
      if (STATE.compareAndSet(this, 0, ENDED)) {
        budget.letGo(entry);
        return true;
      }
      return false;
    }

    /** The object is gone. */
    @Override
    public void run() {
      if (tryClose()) {
        LOG.log(Level.WARNING, "{0} was lost without close(); it is closed now", entry);
      }
    }
  }

  private final Owner owner;
  private final Cleaner.Cleanable cleanable;

  Descriptor(
      DescriptorBudget budget, DescriptorBudget.Entry entry, @Nullable ClosingThread closing) {
    this.owner = new Owner(budget, entry);
    this.owner.closing = closing;
    this.cleanable = CLEANER.register(this, owner);
  }

  /**
   * What it is for.
   *
   * @return the kind
   */
  public Kind kind() {
    return owner.entry.kind();
  }

  /**
   * {@inheritDoc}
   *
   * <p>The number is good only while this object is reachable and isn't closed: calls of this
   * module go through {@link #use}.
   */
  @Override
  public int fd() {
    if (owner.hasEnded()) {
      throw ended();
    }
    return owner.entry.fd();
  }

  /**
   * Makes a call with the descriptor, which is not closed meanwhile.
   *
   * @param call given the descriptor, returns a result or a negative error number
   * @return the same
   * @throws IllegalStateException if it was detached or closed
   */
  public int use(IntUnaryOperator call) {
    if (!owner.tryBegin()) {
      throw ended();
    }
    try {
      return call.applyAsInt(owner.entry.fd());
    } finally {
      owner.end();
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Has another thread close it when its time comes: for a file that somebody else made or has, see
   * there. Until that thread has closed it, it counts as open.
   *
   * @param closing by whom
   * @return this
   */
  public Descriptor closedBy(ClosingThread closing) {
    owner.closing = closing;
    return this;
  }

  /**
   * Who closes it.
   *
   * @return empty if that is whoever ends its use
   */
  public Optional<ClosingThread> closing() {
    return Optional.ofNullable(owner.closing);
  }

  /**
   * Another descriptor of the same file, close-on-exec, and closed by whoever closes this one.
   *
   * @param holder who will have it, as a report names it
   * @return a new descriptor, of the same kind
   * @throws IllegalStateException if this one was detached or closed
   * @throws io.github.dmabuf4j.DmaBufException if no descriptor is left (EMFILE): names the holders
   */
  public Descriptor duplicate(String holder) {
    Descriptor fresh =
        owner.budget.make(
            kind(),
            holder,
            "F_DUPFD_CLOEXEC",
            () -> use(fd -> Syscalls.fcntl(fd, linux_h.F_DUPFD_CLOEXEC(), 0)));
    fresh.owner.closing = owner.closing;
    return fresh;
  }

  /**
   * Keeps the descriptor open, as a call would, for somebody who waits for it.
   *
   * @return false if it was detached or closed
   */
  boolean tryHold() {
    return owner.tryBegin();
  }

  /** Ends what {@link #tryHold} began; closes the descriptor if that was asked for meanwhile. */
  void endHold() {
    owner.end();
  }

  /** The number, for somebody who holds it. */
  int heldNumber() {
    return owner.entry.fd();
  }

  private IllegalStateException ended() {
    return new IllegalStateException(owner.entry + " was closed or detached");
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if it was detached or closed, or a call uses it just now
   */
  @Override
  public int detach() {
    if (!owner.tryDetach()) {
      throw owner.hasEnded()
          ? ended()
          : new IllegalStateException(
              owner.entry + " is in use by another thread: detach it when that is done");
    }
    cleanable.clean(); // finds it ended
    return owner.entry.fd();
  }

  /**
   * Whether it was closed or detached.
   *
   * @return true from then on
   */
  public boolean isClosed() {
    return owner.hasEnded();
  }

  /**
   * Closes the descriptor, or has the call do it that uses it last, or a {@link ClosingThread}.
   * Closing again does nothing.
   */
  @Override
  public void close() {
    boolean _ = owner.tryClose();
    cleanable.clean(); // finds it ended
  }

  @Override
  public String toString() {
    return owner.entry + (owner.hasEnded() ? ", closed" : "");
  }
}

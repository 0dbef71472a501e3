package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.EventFences;
import io.github.dmabuf4j.device.KernelFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The fences that cross one connection, in either direction: those of the kernel as sync_files, all
 * others as events (design rule FN6).
 *
 * <p><b>Threads.</b> Any. Nothing here waits.
 */
final class PeerFences implements AutoCloseable {
  private static final int[] NO_DESCRIPTOR = {};

  /**
   * A fence to be sent. Closing it closes the descriptor, of which the peer has its own by then.
   *
   * @param form as what it travels
   * @param descriptor of the fence, or null if there is nothing to wait for
   */
  record Outgoing(FenceForm form, @Nullable OwnedFd descriptor) implements AutoCloseable {
    private static final Outgoing NONE = new Outgoing(FenceForm.NONE, null);

    int[] descriptors() {
      return descriptor == null ? NO_DESCRIPTOR : new int[] {descriptor.fd()};
    }

    @Override
    public void close() {
      if (descriptor != null) {
        descriptor.close();
      }
    }
  }

  private final PeerCredentials peer;
  private final EventFences events;

  PeerFences(PeerCredentials peer) {
    this.peer = peer;
    this.events = new EventFences(peer.toString());
  }

  /**
   * Makes a fence ready to be sent, if there is anything to wait for or to tell.
   *
   * @throws DmaBufException if no descriptor is left
   */
  Outgoing export(Fence fence) {
    return fence.isSignaled() && fence.error().isEmpty() ? Outgoing.NONE : exportAlways(fence);
  }

  /**
   * Makes a fence ready to be sent, whatever has become of it.
   *
   * @throws DmaBufException if no descriptor is left
   */
  Outgoing exportAlways(Fence fence) {
    Outgoing kernel = fence.isSignaled() ? null : exportToKernel(fence);
    return kernel == null ? new Outgoing(FenceForm.EVENT, events.exportFence(fence)) : kernel;
  }

  private static @Nullable Outgoing exportToKernel(Fence fence) {
    if (!Fences.unwrap(List.of(fence)).stream()
        .allMatch(leaf -> leaf.kind() == Fence.Kind.KERNEL)) {
      return null;
    }
    try {
      return new Outgoing(FenceForm.SYNC_FILE, KernelFences.ofThisProcess().exportFence(fence));
    } catch (IllegalArgumentException e) {
      return null; // somebody else watches the kernel for it
    } catch (DmaBufException e) {
      if (e.errno().filter(errno -> errno == Errno.EOPNOTSUPP).isPresent()) {
        return null; // it has signaled meanwhile, and there is nothing to show for it
      }
      throw e;
    }
  }

  /**
   * Makes a fence of what came.
   *
   * @throws PeerException if the descriptor isn't what was said, or there are too many
   * @throws IllegalStateException if the connection was closed meanwhile
   */
  Fence importFence(Frame frame, FenceForm form) {
    if (form == FenceForm.NONE) {
      return Fence.stub();
    }
    Descriptor descriptor = frame.take(0, Descriptor.Kind.FENCE, "a fence of " + peer);
    int fd = descriptor.detach(); // closed by whoever imports it, come what may
    try {
      return form == FenceForm.EVENT
          ? events.importFence(fd)
          : KernelFences.ofThisProcess().importFence(fd);
    } catch (IllegalArgumentException e) {
      throw frame.wrong(Problem.FENCE, "a descriptor of the form " + form, e.getMessage() + "");
    } catch (DmaBufException e) {
      if (e.errno().filter(BufferPassing.FULL::contains).isPresent()) {
        throw frame.wrong(Problem.LIMIT, "a fence that there is room for", e.getMessage() + "");
      }
      throw e;
    }
  }

  /** Fails the peer's fences that are pending, but for the kernel's. Closing again does nothing. */
  @Override
  public void close() {
    events.close();
  }
}

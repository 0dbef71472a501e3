package io.github.dmabuf4j;

import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Every way to come to the bytes of a buffer, each of which leaves nothing behind. */
enum Uses {
  HOLD {
    @Override
    void use(DmaBuf buffer) {
      buffer.hold().close();
    }
  },
  SHARED_HOLD {
    @Override
    void use(DmaBuf buffer) {
      buffer.hold(ArenaKind.SHARED).close();
    }
  },
  ACCESS {
    @Override
    void use(DmaBuf buffer) throws Exception {
      buffer.beginCpuAccess(Access.READ).close();
    }
  },
  UNINTERRUPTIBLE_ACCESS {
    @Override
    void use(DmaBuf buffer) {
      buffer.beginCpuAccessUninterruptibly(Access.READ_WRITE).close();
    }
  },
  READ {
    @Override
    void use(DmaBuf buffer) throws Exception {
      buffer.read(segment -> true);
    }
  },
  UNINTERRUPTIBLE_READ {
    @Override
    void use(DmaBuf buffer) {
      buffer.readUninterruptibly(segment -> true);
    }
  },
  WRITE {
    @Override
    void use(DmaBuf buffer) throws Exception {
      buffer.write(segment -> {});
    }
  },
  UNINTERRUPTIBLE_WRITE {
    @Override
    void use(DmaBuf buffer) {
      buffer.writeUninterruptibly(segment -> {});
    }
  },
  READ_ONLY_HANDLE {
    @Override
    void use(DmaBuf buffer) throws Exception {
      try (DmaBuf reader = buffer.dupReadOnly()) {
        reader.read(segment -> true);
      }
    }
  },
  VMAP_LOCKED {
    @Override
    void use(DmaBuf buffer) {
      Evictions.locked(
          buffer,
          () -> {
            buffer.vmapLocked().close();
            return true;
          });
    }
  },
  VMAP_PINNED {
    @Override
    void use(DmaBuf buffer) {
      Evictions.locked(
          buffer,
          () -> {
            buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.CONFINED).close();
            return true;
          });
    }
  },
  PIN {
    @Override
    void use(DmaBuf buffer) {
      Evictions.locked(
          buffer,
          () -> {
            buffer.pin(Pin.Term.LONG).close();
            return true;
          });
    }
  },
  DYNAMIC_MAP {
    @Override
    void use(DmaBuf buffer) {
      map(buffer, true);
    }
  },
  STATIC_MAP {
    @Override
    void use(DmaBuf buffer) {
      map(buffer, false);
    }
  },
  JOB {
    @Override
    void use(DmaBuf buffer) throws Exception {
      Job.named("job").writes(buffer).publish().run(access -> {});
    }
  },
  UNINTERRUPTIBLE_JOB {
    @Override
    void use(DmaBuf buffer) {
      Job.named("job").reads(buffer).publishUninterruptibly().signal();
    }
  },
  ASYNCHRONOUS_JOB {
    @Override
    void use(DmaBuf buffer) {
      try {
        Job.named("job").reads(buffer).publishAsync().toCompletableFuture().join().signal();
      } catch (CompletionException e) {
        RunAll.rethrow(e.getCause());
      }
      Threads.until(() -> buffer.info().references() == 2); // its thread is about to let go
    }
  };

  abstract void use(DmaBuf buffer) throws Exception;

  /** Whether it is refused while the content isn't needed (design rule PN3). */
  boolean pins() {
    return this == VMAP_PINNED || this == PIN || this == STATIC_MAP;
  }

  private static void map(DmaBuf buffer, boolean dynamic) {
    try (Attachment attachment = buffer.attach(new Device(dynamic, null))) {
      Evictions.locked(
          buffer,
          () -> {
            ScatterList _ = attachment.map(Access.READ);
            return true;
          });
    }
  }

  /** An importer that does something when it is told. */
  record Device(boolean isDynamic, @Nullable Runnable onMove) implements Importer {
    @Override
    public String name() {
      return "device";
    }

    @Override
    public void moveNotify(Attachment attachment) {
      if (onMove != null) {
        onMove.run();
      }
    }
  }
}

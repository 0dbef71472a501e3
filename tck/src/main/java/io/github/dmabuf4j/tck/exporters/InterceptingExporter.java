package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import io.github.dmabuf4j.spi.SharedFile;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An exporter that shows each callback to an {@link Interceptor} before the exporter that it stands
 * for. What it only says of itself (its name, its cache) or of others (their fences) isn't a
 * callback.
 *
 * <p><b>Threads.</b> As the exporter that it stands for; there is no state here.
 */
public sealed class InterceptingExporter implements Exporter {
  private final Exporter real;
  private final Interceptor interceptor;

  /** One that has a file, as what it stands for. */
  private static final class Shared extends InterceptingExporter implements SharedFile {
    private final SharedFile file;

    Shared(Exporter real, SharedFile file, Interceptor interceptor) {
      super(real, interceptor);
      this.file = file;
    }

    @Override
    public OwnedFd exportFd() throws InterruptedException {
      return file.exportFd();
    }
  }

  /**
   * Stands for an exporter, and for its file where it has one.
   *
   * @param real who does the work
   * @param interceptor who sees each call first
   * @return a new one
   */
  public static InterceptingExporter of(Exporter real, Interceptor interceptor) {
    return real instanceof SharedFile file
        ? new Shared(real, file, interceptor)
        : new InterceptingExporter(real, interceptor);
  }

  private InterceptingExporter(Exporter real, Interceptor interceptor) {
    this.real = Objects.requireNonNull(real, "real");
    this.interceptor = Objects.requireNonNull(interceptor, "interceptor");
  }

  private record Made(
      Callback callback,
      @Nullable Attachment attachment,
      @Nullable Object argument,
      Supplier<@Nullable Object> body)
      implements Interceptor.Call {
    @Override
    public @Nullable Object proceed() {
      return body.get();
    }
  }

  private @Nullable Object call(
      Callback callback,
      @Nullable Attachment attachment,
      @Nullable Object argument,
      Supplier<@Nullable Object> body) {
    return interceptor.intercept(new Made(callback, attachment, argument, body));
  }

  private void run(
      Callback callback,
      @Nullable Attachment attachment,
      @Nullable Object argument,
      Runnable body) {
    call(
        callback,
        attachment,
        argument,
        () -> {
          body.run();
          return null;
        });
  }

  @Override
  public String name() {
    return real.name();
  }

  @Override
  public @Nullable MappingCache mappingCache() {
    return real.mappingCache();
  }

  @Override
  public @Nullable BufferLru lru() {
    return real.lru();
  }

  @Override
  public boolean cachesMappings() {
    return real.cachesMappings();
  }

  @Override
  @SuppressWarnings("NullAway") // an exporter that wrongly returns null is what it stands for
  public MappedBytes vmap() {
    return (MappedBytes) call(Callback.VMAP, null, null, real::vmap);
  }

  @Override
  public void vunmap(MappedBytes bytes) {
    run(Callback.VUNMAP, null, bytes, () -> real.vunmap(bytes));
  }

  @Override
  public void beginCpuAccess(Access access) {
    run(Callback.BEGIN_CPU_ACCESS, null, access, () -> real.beginCpuAccess(access));
  }

  @Override
  public void endCpuAccess(Access access) {
    run(Callback.END_CPU_ACCESS, null, access, () -> real.endCpuAccess(access));
  }

  @Override
  public void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
    run(
        Callback.SYNC_FOR_CPU,
        attachment,
        pieces,
        () -> real.syncForCpu(attachment, pieces, access));
  }

  @Override
  public void syncForDevice(Attachment attachment, ScatterList pieces, Access access) {
    run(
        Callback.SYNC_FOR_DEVICE,
        attachment,
        pieces,
        () -> real.syncForDevice(attachment, pieces, access));
  }

  @Override
  public List<Fence> foreignFences(FenceUsage usage) {
    return real.foreignFences(usage);
  }

  @Override
  public void publish(Fence fence, Access access) {
    real.publish(fence, access);
  }

  @Override
  public void pin(Pin.Term term) {
    run(Callback.PIN, null, term, () -> real.pin(term));
  }

  @Override
  public void unpin(Pin.Term term) {
    run(Callback.UNPIN, null, term, () -> real.unpin(term));
  }

  @Override
  public void attach(Attachment attachment) {
    run(Callback.ATTACH, attachment, null, () -> real.attach(attachment));
  }

  @Override
  public void detach(Attachment attachment) {
    run(Callback.DETACH, attachment, null, () -> real.detach(attachment));
  }

  @Override
  @SuppressWarnings("NullAway") // as for vmap
  public ScatterList map(Attachment attachment, Access access) {
    return (ScatterList) call(Callback.MAP, attachment, access, () -> real.map(attachment, access));
  }

  @Override
  public void unmap(Attachment attachment, ScatterList pieces, Access access) {
    run(Callback.UNMAP, attachment, pieces, () -> real.unmap(attachment, pieces, access));
  }

  @Override
  public boolean evict() {
    return Boolean.TRUE.equals(call(Callback.EVICT, null, null, real::evict));
  }

  @Override
  public void restore() {
    run(Callback.RESTORE, null, null, real::restore);
  }

  @Override
  public void release() {
    run(Callback.RELEASE, null, null, real::release);
  }

  @Override
  public String toString() {
    return "intercepted " + real;
  }
}

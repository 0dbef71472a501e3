package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** An exporter whose buffer is a memory file: each vmap is a mapping of its own. */
final class MappedFile implements Exporter {
  /** What the mappings of some files have together. */
  static final class Account {
    final AtomicLong mappedBytes = new AtomicLong();
    final AtomicLong mostMappedBytes = new AtomicLong();
    final AtomicInteger unmappedTwice = new AtomicInteger();
  }

  private final class Mapping implements MappedBytes {
    final long address = file.mmap();
    final AtomicBoolean unmapped = new AtomicBoolean();

    @Override
    public MemorySegment segment(long byteSize) {
      return segment(byteSize, Arena.global());
    }

    @Override
    public MemorySegment segment(long byteSize, Arena arena) {
      if (unmapped.get()) {
        throw new AssertionError("unmapped under somebody's hands");
      }
      return MemorySegment.ofAddress(address).reinterpret(byteSize, arena, null);
    }
  }

  final MemoryFile file;
  final BufferObject object = new BufferObject(this);
  private final String name;
  private final MappingCache cache;
  private final Account account;
  volatile RuntimeException failure;

  MappedFile(String name, long bytes, MappingCache cache, Account account) {
    this.name = name;
    this.file = new MemoryFile(name, bytes);
    this.cache = cache;
    this.account = account;
  }

  DmaBuf export() {
    return object.export(file.bytes, null, null);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public MappingCache mappingCache() {
    return cache;
  }

  @Override
  public MappedBytes vmap() {
    Mapping fresh = new Mapping();
    account.mostMappedBytes.accumulateAndGet(account.mappedBytes.addAndGet(file.bytes), Math::max);
    return fresh;
  }

  @Override
  public void vunmap(MappedBytes bytes) {
    Mapping mapping = (Mapping) bytes;
    if (mapping.unmapped.getAndSet(true)) {
      account.unmappedTwice.incrementAndGet(); // which could end somebody else's mapping
      return;
    }
    file.munmap(mapping.address);
    account.mappedBytes.addAndGet(-file.bytes);
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    throw new UnsupportedOperationException("nobody attaches here");
  }

  @Override
  public void release() {} // the file stays, for the next export

  /** After the last release. */
  void close() {
    file.close();
  }
}

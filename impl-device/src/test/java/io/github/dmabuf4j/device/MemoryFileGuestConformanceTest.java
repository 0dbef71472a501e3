package io.github.dmabuf4j.device;

import org.junit.jupiter.api.Tag;

/** The same on the kernel that the other heaps are tested with. */
@Tag("guest")
final class MemoryFileGuestConformanceTest extends MemoryFileConformanceTest {}

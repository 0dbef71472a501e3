package io.github.dmabuf4j.device.linux;

/**
 * Which file, however often it was opened. Two files may have the same key one after the other;
 * never while the first one is open.
 *
 * @param device the number of its file system
 * @param inode its own number there
 */
public record FileKey(long device, long inode) {}

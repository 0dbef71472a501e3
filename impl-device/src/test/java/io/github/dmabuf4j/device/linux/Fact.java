package io.github.dmabuf4j.device.linux;

/**
 * Something that Java says of C.
 *
 * @param expression an integer constant in C
 * @param value what it is, as Java has it
 */
record Fact(String expression, long value) {}

/** A user's module. */
module consumer {
  requires io.github.dmabuf4j;
}

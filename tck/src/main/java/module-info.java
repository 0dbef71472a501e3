/** The conformance kit: what every exporter must pass, ours and others'. */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.tck {
  requires static org.jspecify;
  requires transitive io.github.dmabuf4j;
  requires transitive org.junit.jupiter.api;

  exports io.github.dmabuf4j.tck;
  exports io.github.dmabuf4j.tck.exporters;

  opens io.github.dmabuf4j.tck; // JUnit calls the tests by reflection
}

package io.github.dmabuf4j.offheap.pressure;

/**
 * A source that can't be used here.
 *
 * @param name what it would be
 * @param refusal why it isn't, in one line
 */
record RefusedSource(String name, String refusal) implements PressureSource {
  @Override
  public String where() {
    return "";
  }

  @Override
  public boolean isPressing() {
    return false;
  }
}

package io.github.dmabuf4j.offheap;

/** The kit against a plain buddy. */
final class BuddyConformanceTest extends StrategyConformance {
  BuddyConformanceTest() {
    super("buddy");
  }
}

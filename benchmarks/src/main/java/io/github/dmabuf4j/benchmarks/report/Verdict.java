package io.github.dmabuf4j.benchmarks.report;

/** What came out against a bar. */
public enum Verdict {
  /** What was wished for. */
  STRETCH,
  /** The bar is passed. */
  PASS,
  /** It isn't. */
  MISSED,
  /** Ours or every peer wasn't measured. */
  UNKNOWN
}

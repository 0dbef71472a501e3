package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.openjdk.jol.info.ClassLayout;
import org.openjdk.jol.info.FieldLayout;

/** Where the JVM of this run puts the fields of a {@link Stripe}. */
class StripeLayoutTest {
  /** Two cache lines, as processors fetch them in pairs. */
  private static final long APART = 128;

  @Test
  void whatThreadsWriteIsTwoCacheLinesAwayFromBothEnds() {
    ClassLayout layout = ClassLayout.parseClass(Stripe.class);

    var written =
        layout.fields().stream()
            .filter(field -> field.hostClass().equals(StripeState.class.getName()))
            .toList();

    assertThat(written.stream().map(FieldLayout::name))
        .containsExactlyInAnyOrderElementsOf(
            Set.of("flag", "size", "low", "taken", "put", "blocks"));
    assertThat(written)
        .allSatisfy(
            field -> {
              assertThat(field.offset()).isGreaterThanOrEqualTo(APART);
              assertThat(layout.instanceSize() - field.offset() - field.size())
                  .isGreaterThanOrEqualTo(APART);
            });
  }
}

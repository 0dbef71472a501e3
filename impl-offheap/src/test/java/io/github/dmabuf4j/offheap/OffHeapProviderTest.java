package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.Heaps;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How the heap is found, and what is said where it can't be opened. */
@Timeout(60)
final class OffHeapProviderTest {
  @Test
  void open_byUri_isThisHeapWithItsOptions() {
    try (Heap heap = Heaps.open("offheap:system?limit=256MiB&decay=10s");
        DmaBuf buffer = heap.allocate(3_110_400)) {
      assertThat(heap.name()).isEqualTo("offheap:system");
      assertThat(heap.limitBytes()).isEqualTo(256 * MIB);
      assertThat(buffer.name()).startsWith("offheap:system#");
    }
  }

  @Test
  void open_badOption_isRefused() {
    assertThatThrownBy(() -> Heaps.open("offheap:system?limit=none"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("limit");
    assertThatThrownBy(() -> Heaps.open("offheap:other"))
        .isInstanceOf(HeapUnavailableException.class);
    assertThatThrownBy(() -> new OffHeapProvider().open(HeapUri.parse("offheap:other")))
        .isInstanceOf(HeapUnavailableException.class);
  }

  @Test
  void describe_nativeAccessGiven_isAvailable() {
    assertThat(Heaps.describe())
        .filteredOn(description -> description.name().equals("offheap:system"))
        .singleElement()
        .matches(HeapDescription::isAvailable);
  }

  @Test
  void describe_nativeAccessDenied_namesTheFlag() throws IOException, InterruptedException {
    String output = ChildJvm.run(Child.class, "--illegal-native-access=deny");
    assertThat(output)
        .contains("unavailable: this JVM denies native access to the class path")
        .contains("fix: java --enable-native-access=ALL-UNNAMED")
        .contains("open: offheap:system is unavailable on this machine")
        .doesNotContain("IllegalCallerException");
  }

  @Test
  void open_nativeAccessNotMentioned_worksWithTheJvmsOwnWarning()
      throws IOException, InterruptedException {
    assertThat(ChildJvm.run(Child.class, "--illegal-native-access=warn"))
        .contains("unavailable: \n")
        .contains("--enable-native-access=ALL-UNNAMED")
        .contains("allocated 100 B");
  }

  /** Says what there is, and opens it. */
  static final class Child {
    private Child() {}

    /** Runs in a JVM of its own. */
    public static void main(String[] args) {
      HeapDescription description = new OffHeapProvider().describe().getFirst();
      System.out.println("unavailable: " + description.unavailable());
      System.out.println("fix: " + description.fix());
      try (Heap heap = Heaps.open("offheap:system?limit=1MiB");
          DmaBuf buffer = heap.allocate(100)) {
        System.out.println("allocated " + buffer.size() + " B");
      } catch (HeapUnavailableException e) {
        System.out.println("open: " + e.getMessage());
      }
    }
  }
}

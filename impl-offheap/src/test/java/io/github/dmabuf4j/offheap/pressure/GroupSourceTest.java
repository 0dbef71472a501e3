package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What counts as pressure in a cgroup. */
final class GroupSourceTest {
  private static final String OWN = PressureFixture.MOUNT + "a/b/";
  private static final String ABOVE = PressureFixture.MOUNT + "a/";

  @TempDir Path root;
  private PressureFixture fixture;

  @BeforeEach
  void setUp() {
    fixture = new PressureFixture(root);
  }

  @ParameterizedTest
  @CsvSource({
    "899, max, 1000, false",
    "900, max, 1000, true",
    "900, 1000, max, true",
    "900, 1000, 2000, true",
    "1800, max, 2000, true",
    "900, max, max, false",
    "18446744073709551615, max, max, false",
    "900, max, 18446744073709551615, false",
    "5, 0, 1000, false"
  })
  void version2_usageNearALimit_isPressureOnce(
      String current, String high, String max, boolean pressing) {
    fixture.group2("a/b", "0", high, max);
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.refusal()).isEmpty();
      fixture.write(OWN + "memory.current", current);
      assertThat(source.isPressing()).isEqualTo(pressing);
      fixture.passSeconds(1);
      assertThat(source.isPressing()).as("told of once").isFalse();
    }
  }

  @Test
  void version2_limitOfAGroupAbove_counts() {
    fixture.group2("a/b", "10", "max", "max").limits2(ABOVE, "10", "max", "1000");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.isPressing()).isFalse();
      fixture.write(ABOVE + "memory.current", "950");
      assertThat(source.isPressing()).isTrue();
    }
  }

  @Test
  void version2_groupWithoutAController_leavesThoseAbove() throws IOException {
    fixture.group2("a/b", "10", "max", "max").limits2(ABOVE, "10", "max", "1000");
    Files.delete(root.resolve(OWN + "memory.current"));
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.where()).endsWith("/a");
      fixture.write(ABOVE + "memory.current", "950");
      assertThat(source.isPressing()).isTrue();
    }
  }

  @Test
  void inactiveFileCache_isNotInUse() {
    fixture.group2("a/b", "990", "max", "1000").write(OWN + "memory.stat", "inactive_file 500");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.isPressing()).isFalse();
      fixture.write(OWN + "memory.stat", "active_file 1\ninactive_file 80");
      assertThat(source.isPressing()).isTrue();
    }
  }

  @Test
  void moreInactiveFileCacheThanThereIs_isNoMistake() {
    fixture.group2("a/b", "990", "max", "1000").write(OWN + "memory.stat", "inactive_file max");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.isPressing()).isFalse();
    }
  }

  @Test
  void version2_limitHitAgainWhileUsageIsHigh_isPressureEachTime() {
    fixture.group2("a/b", "950", "max", "1000").events2(OWN, 5, 7);
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.isPressing()).as("what was before it was opened").isFalse();
      for (int i = 1; i < 5; i++) {
        fixture.events2(OWN, 5, 7 + i);
        assertThat(source.isPressing()).isTrue();
        assertThat(source.isPressing()).as("nothing new").isFalse();
      }
      fixture.events2(OWN, 6, 11);
      assertThat(source.isPressing()).isTrue();
    }
  }

  @Test
  void version2_limitHitByFileCacheOnly_isNone() {
    fixture
        .group2("a/b", "999", "max", "1000")
        .write(OWN + "memory.stat", "inactive_file 600")
        .events2(OWN, 0, 7);
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      fixture.events2(OWN, 0, 70);
      assertThat(source.isPressing()).isFalse();
    }
  }

  @Test
  void countersThatGoBackwards_orAreHuge_beginThere() {
    fixture.group2("a/b", "950", "max", "1000").events2(OWN, 5, 7);
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      fixture.events2(OWN, 0, 1);
      assertThat(source.isPressing()).isFalse();
      fixture.events2(OWN, 0, 2);
      assertThat(source.isPressing()).isTrue();
      fixture.write(OWN + "memory.events", "high 99999999999999999999\nmax 99999999999999999999");
      assertThat(source.isPressing()).isTrue();
      assertThat(source.isPressing()).isFalse();
    }
  }

  @Test
  void version2_neighboursThatHitTheirLimits_areNoPressure() {
    fixture
        .group2("a/b", "10", "max", "max")
        .limits2(ABOVE, "10", "max", "1000")
        .events2(ABOVE, 0, 0)
        .write(ABOVE + "memory.events.local", "high 0\nmax 0");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      fixture.write(ABOVE + "memory.current", "950");
      assertThat(source.isPressing()).isTrue();
      fixture.events2(ABOVE, 0, 50);
      assertThat(source.isPressing()).isFalse();
      fixture.write(ABOVE + "memory.events.local", "high 0\nmax 1");
      assertThat(source.isPressing()).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "899, 1000, false",
    "900, 1000, true",
    "17592186044416, 9223372036854771712, false",
    "900, -1, refused"
  })
  void version1_usageNearTheLimit_isPressureOnce(String usage, String limit, String expected) {
    fixture.group1("a/b", "0", limit);
    try (PressureSource source = fixture.open(GroupKind.V1)) {
      if (expected.equals("refused")) {
        assertThat(source.refusal()).contains("memory.limit_in_bytes").contains("\"-1\"");
        return;
      }
      fixture.write(PressureFixture.MOUNT + "memory/a/b/memory.usage_in_bytes", usage);
      assertThat(source.isPressing()).isEqualTo(Boolean.parseBoolean(expected));
      assertThat(source.isPressing()).isFalse();
    }
  }

  @Test
  void version1_limitHitAgainWhileUsageIsHigh_isPressure() {
    String failures = PressureFixture.MOUNT + "memory/a/b/memory.failcnt";
    fixture.group1("a/b", "950", "1000").write(failures, "3");
    try (PressureSource source = fixture.open(GroupKind.V1)) {
      assertThat(source.isPressing()).isFalse();
      fixture.write(failures, "4");
      assertThat(source.isPressing()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory.current", "memory.high", "memory.max", "memory.events"})
  void malformedFile_isRefusedNamingIt(String file) {
    fixture.group2("a/b", "10", "max", "1000").events2(OWN, 0, 0).write(OWN + file, "garbage");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      assertThat(source.refusal()).contains(OWN + file);
      assertThat(source.isPressing()).isFalse();
    }
  }

  @Test
  void fileThatIsMissing_isRefusedNamingIt() throws IOException {
    fixture.group2("a/b", "10", "max", "1000");
    Files.delete(root.resolve(OWN + "memory.high"));
    assertThat(fixture.open(GroupKind.V2).refusal()).endsWith(OWN + "memory.high: no such file");
  }

  @Test
  void rootGroup_isRefusedSayingSo() {
    fixture
        .write(PressureFixture.CGROUP, "0::/")
        .write(PressureFixture.MOUNT + "cgroup.controllers", "memory");
    assertThat(fixture.open(GroupKind.V2).refusal()).contains("is the root group, or memory isn't");
  }

  @Test
  void groupThatIsRemovedLater_isNoPressure_andCountsAgainWhenItIsBack() throws IOException {
    fixture.group2("a/b", "10", "max", "1000");
    try (PressureSource source = fixture.open(GroupKind.V2)) {
      Files.delete(root.resolve(OWN + "memory.current"));
      assertThat(source.isPressing()).isFalse();
      fixture.write(OWN + "memory.current", "999");
      assertThat(source.isPressing()).isTrue();
    }
  }
}

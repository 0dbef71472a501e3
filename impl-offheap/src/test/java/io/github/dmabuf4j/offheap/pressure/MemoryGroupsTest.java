package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where the groups of a process are, seen from machines and containers. */
final class MemoryGroupsTest {
  @TempDir Path root;
  private PressureFixture fixture;

  @BeforeEach
  void setUp() {
    fixture = new PressureFixture(root);
  }

  private List<String> find(GroupKind kind) throws IOException {
    Path mount = root.resolve("sys/fs/cgroup");
    return MemoryGroups.find(root, kind).stream()
        .map(group -> mount.relativize(group).toString())
        .toList();
  }

  private void mount2(String mount, String... groups) throws IOException {
    fixture.write(mount + "cgroup.controllers", "memory");
    for (String group : groups) {
      Files.createDirectories(root.resolve(mount + group));
    }
  }

  @Test
  void nested_areAllFromTheInsideOut() throws IOException {
    mount2(PressureFixture.MOUNT, "a.slice/b.scope");
    fixture.write(PressureFixture.CGROUP, "0::/a.slice/b.scope");
    assertThat(find(GroupKind.V2)).containsExactly("a.slice/b.scope", "a.slice", "");
  }

  @ParameterizedTest
  @CsvSource({
    "/, ''",
    "/docker/abc, ''", // the group itself is mounted
    "/docker/abc/inner, inner",
    "/../other, ''", // outside of the namespace
    "/../inner, ''",
    "//inner/, inner"
  })
  void pathThatIsNotVisible_isAsNearAsOneCanSee(String path, String group) throws IOException {
    mount2(PressureFixture.MOUNT, "inner");
    fixture.write(PressureFixture.CGROUP, "0::" + path);
    assertThat(find(GroupKind.V2)).first().isEqualTo(group);
  }

  @Test
  void version2BesideVersion1_isInItsOwnFolder() throws IOException {
    mount2(PressureFixture.MOUNT + "unified/");
    fixture.group1("x/y", "1", "2");
    assertThat(find(GroupKind.V2)).containsExactly("unified");
    assertThat(find(GroupKind.V1)).containsExactly("memory/x/y", "memory/x", "memory");
  }

  @Test
  void noMount_isRefusedNamingIt() {
    fixture.write(PressureFixture.CGROUP, "0::/\n4:memory:/");
    for (GroupKind kind : GroupKind.values()) {
      assertThatIOException()
          .isThrownBy(() -> find(kind))
          .withMessageContaining("no such mount at " + root.resolve("sys/fs/cgroup"));
    }
  }

  @Test
  void noListOfGroups_isRefusedNamingIt() throws IOException {
    mount2(PressureFixture.MOUNT, "memory");
    for (GroupKind kind : GroupKind.values()) {
      assertThatIOException()
          .isThrownBy(() -> find(kind))
          .withMessageEndingWith("proc/self/cgroup: no such file");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "garbage", "0:", "1::/x", "0:memory", "5:memoryless:/x", "::"})
  void listWithoutOurGroup_isRefused(String text) throws IOException {
    mount2(PressureFixture.MOUNT, "memory", "x");
    fixture.write(PressureFixture.CGROUP, text);
    for (GroupKind kind : GroupKind.values()) {
      assertThatIOException().isThrownBy(() -> find(kind)).withMessageContaining("names no group");
    }
  }
}

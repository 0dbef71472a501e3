package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Where there is no render node that will do, it is said why, and nothing stays open. */
@EnabledOnOs(OS.LINUX)
final class RenderNodeTest {
  @TempDir Path folder;
  private final int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.DEVICE);

  private RenderNode.Search search(String wanted) {
    RenderNode.Search search = RenderNode.search(folder, wanted);
    assertThat(search.node()).isNull();
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.DEVICE)).isEqualTo(before);
    return search;
  }

  @Test
  void missingFolder_isSaidToHaveNoNode_andHowAContainerGetsOne() {
    RenderNode.Search search = RenderNode.search(folder.resolve("dri"), "");
    assertThat(search.reason())
        .startsWith("there is no render node %s/renderD*".formatted(folder.resolve("dri")));
    assertThat(search.fix()).startsWith("docker run --device");
  }

  @Test
  void nodesOfDisplays_areNotLookedAt() throws IOException {
    Files.createFile(folder.resolve("card0"));
    assertThat(search("").reason()).startsWith("there is no render node");
  }

  @Test
  void filesThatAreNoDevices_areNamedEach() throws IOException {
    Files.createFile(folder.resolve("renderD128"));
    Files.createFile(folder.resolve("renderD129"));
    assertThat(search("").reason())
        .contains("DRM_IOCTL_VERSION")
        .contains("renderD128")
        .contains("renderD129");
  }

  @Test
  void nodeThatIsWanted_isTheOnlyOneLookedAt() throws IOException {
    Files.createFile(folder.resolve("renderD128"));
    assertThat(search(folder.resolve("renderD140").toString()).reason())
        .contains("renderD140")
        .contains("there is no such thing")
        .doesNotContain("renderD128");
  }

  @Test
  void none_isObeyed() {
    assertThat(search("none").reason()).isEqualTo("-Ddmabuf4j.rendernode=none says not to use one");
  }

  @Test
  void nameOfNoFile_isSaidToBeThat() {
    assertThat(search("render\0node").reason()).contains("names no file");
  }
}

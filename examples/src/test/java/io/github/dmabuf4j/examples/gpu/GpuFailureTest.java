package io.github.dmabuf4j.examples.gpu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.lwjgl.vulkan.VK10.VK_ERROR_DEVICE_LOST;
import static org.lwjgl.vulkan.VK10.VK_ERROR_OUT_OF_HOST_MEMORY;

import io.github.dmabuf4j.examples.demo.Clip;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whichever call of Vulkan fails, it is named, and nothing is left behind. */
final class GpuFailureTest {
  @TempDir private static Path folder;

  /** Vulkan with a call that fails without having been made. */
  private static final class FailingVulkan extends Vulkan {
    private final int failing;
    private final List<String> calls = new ArrayList<>();

    FailingVulkan(int failing) {
      this.failing = failing;
    }

    @Override
    synchronized int answer(String function, IntSupplier call) {
      calls.add(function);
      return calls.size() == failing ? VK_ERROR_OUT_OF_HOST_MEMORY : super.answer(function, call);
    }

    /** What was made to fail, or nothing if there were fewer calls. */
    synchronized String failed() {
      return calls.size() < failing ? "" : calls.get(failing - 1);
    }
  }

  @Test
  void anyCallThatFails_isNamed_andNothingIsLeft() throws Exception {
    VulkanHere.assume();
    List<String> failed = new ArrayList<>();
    try (Clip clip = Clip.unpack()) {
      for (int call = 1; call == 1 || !failed.getLast().isEmpty(); call++) {
        failed.add(check(clip, call));
      }
    }
    assertThat(failed)
        .contains("vkCreateInstance", "vkCreateDevice", "vkCreateComputePipelines")
        .contains("vkAllocateMemory", "vkQueueSubmit", "vkWaitForFences")
        .hasSizeGreaterThan(20);
  }

  /** Lets one call fail; says which it was. */
  private static String check(Clip clip, int call) {
    FailingVulkan vulkan = new FailingVulkan(call);
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    GpuOptions options =
        new GpuOptions(clip.file(), "city", folder, 64 << 20, 1, null, MemoryPath.HOST_POINTER, 1);
    GpuDemo demo = new GpuDemo(options, new PrintStream(said, true, UTF_8), vulkan);

    Throwable thrown = catchThrowable(demo::run);

    String failed = vulkan.failed();
    if (failed.isEmpty()) {
      assertThat(thrown).isNull();
    } else {
      assertThat(thrown.getCause() == null ? thrown : thrown.getCause())
          .isInstanceOf(VulkanException.class)
          .hasMessage(failed + " answered VK_ERROR_OUT_OF_HOST_MEMORY");
    }
    assertThat(vulkan.live()).as(failed).isZero();
    assertThat(said.toString(UTF_8)).as(failed).doesNotContain("leaked");
    return failed;
  }

  @Test
  void results_haveNames() {
    assertThat(VulkanException.name(VK_ERROR_DEVICE_LOST)).isEqualTo("VK_ERROR_DEVICE_LOST");
    assertThat(VulkanException.name(-123456)).isEqualTo("VkResult -123456");
  }
}

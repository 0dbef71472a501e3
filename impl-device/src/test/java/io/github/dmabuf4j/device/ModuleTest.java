package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Pins what the module shows and needs. */
final class ModuleTest {
  @Test
  void exports_areTheContractOfTheModule() throws IOException {
    assertThat(descriptor().exports())
        .allMatch(exports -> exports.targets().isEmpty())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactlyInAnyOrder(
            "io.github.dmabuf4j.device", "io.github.dmabuf4j.device.sharing");
  }

  @Test
  void requires_areTheJdkAndWhatTheDesignAllows() throws IOException {
    assertThat(descriptor().requires())
        .extracting(Requires::name)
        .filteredOn(name -> !name.startsWith("java.") && !name.startsWith("jdk."))
        .containsExactlyInAnyOrder(
            "org.jspecify", "io.github.dmabuf4j", "com.github.benmanes.caffeine");
    assertThat(descriptor().requires())
        .extracting(Requires::name)
        .doesNotContain("jdk.unsupported", "jdk.internal.vm.ci");
  }

  @Test
  void annotations_areNeededByTheCompilerOnly() throws IOException {
    assertThat(descriptor().requires())
        .filteredOn(requires -> requires.name().equals("org.jspecify"))
        .allMatch(requires -> requires.modifiers().contains(Requires.Modifier.STATIC));
  }

  @Test
  void name_isStable() throws IOException {
    assertThat(descriptor().name()).isEqualTo("io.github.dmabuf4j.device");
  }

  private static ModuleDescriptor descriptor() throws IOException {
    try (InputStream in = Files.newInputStream(Path.of("target/classes/module-info.class"))) {
      return ModuleDescriptor.read(in);
    }
  }
}

package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.v4l2_buffer;
import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

/**
 * Compares what the bindings say with what C compilers make of the same headers: this machine's,
 * which is asked at run time, and AArch64's, which checks assertions. Where there is no compiler or
 * the headers are older than Linux 6.12 the tests that need them are skipped and say so; with
 * {@code DMABUF4J_REQUIRE_VM=true} they fail instead.
 */
@EnabledOnOs(OS.LINUX)
final class BindingsProbeTest {
  @TempDir Path work;

  @Test
  void bindings_sayWhatTheCompilerOfThisMachineSays() throws Exception {
    List<Fact> facts = Facts.all(System.getProperty("os.arch"));
    assertThat(Compiler.ofThisMachine(work).differencesWhenRun(facts)).isEmpty();
  }

  @Test
  void bindings_sayWhatACompilerForAarch64Says() throws Exception {
    List<Fact> facts = Facts.all("aarch64");
    assertThat(Compiler.forAarch64(work).differencesWhenCompiled(facts)).isEmpty();
  }

  @Test
  void wrongFacts_areNamed_byTheCompilerOfThisMachine() throws Exception {
    assertThat(Compiler.ofThisMachine(work).differencesWhenRun(withWrongFacts("amd64")))
        .containsExactly(
            "offsetof(struct dma_buf_export_sync_file, fd): 0 in Java, 4 in C",
            "EINTR: 5 in Java, 4 in C",
            "DMA_BUF_IOCTL_SYNC: 1 in Java, 1074291200 in C");
  }

  @Test
  void wrongFacts_areNamed_byACompilerForAarch64() throws Exception {
    assertThat(Compiler.forAarch64(work).differencesWhenCompiled(withWrongFacts("aarch64")))
        .hasSize(3)
        .anyMatch(line -> line.contains("offsetof(struct dma_buf_export_sync_file, fd): 0 in Java"))
        .anyMatch(line -> line.contains("EINTR: 5 in Java"))
        .anyMatch(line -> line.contains("DMA_BUF_IOCTL_SYNC: 1 in Java"));
  }

  /** The reason why it is written by hand, and the proof that the other compiler is another. */
  @Test
  void epollEvent_ofX86_isWrongOnAarch64() throws Exception {
    assertThat(
            Compiler.forAarch64(work)
                .differencesWhenCompiled(
                    Facts.of("struct epoll_event", EpollEvent.layout("amd64"))))
        .anyMatch(line -> line.contains("sizeof(struct epoll_event): 12 in Java"))
        .anyMatch(line -> line.contains("offsetof(struct epoll_event, data): 4 in Java"));
  }

  @Test
  void unknownNames_areNamed() throws Exception {
    assertThat(
            Compiler.ofThisMachine(work)
                .differencesWhenRun(List.of(new Fact("NO_SUCH_CONSTANT", 1))))
        .singleElement()
        .asString()
        .contains("NO_SUCH_CONSTANT");
  }

  @Test
  void missingCompiler_skipsTheTestAndSaysWhy_orFailsItWhereItIsRequired() {
    assertThatThrownBy(() -> Compiler.usable("no-such-compiler", List.of(), work))
        .isInstanceOf(Compiler.required() ? AssertionError.class : TestAbortedException.class)
        .hasMessageContaining("no-such-compiler cannot be run");
  }

  @Test
  void unsuitableHeaders_skipTheTestAndSayWhy_orFailItWhereTheyAreRequired() throws Exception {
    Compiler.ofThisMachine(work);
    Path linux = Files.createDirectories(work.resolve("old/linux"));
    Files.writeString(
        linux.resolve("version.h"),
        """
        #define LINUX_VERSION_CODE 393472
        #define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
        """);
    assertThatThrownBy(
            () -> Compiler.usable("cc", List.of("-isystem", linux.getParent().toString()), work))
        .isInstanceOf(Compiler.required() ? AssertionError.class : TestAbortedException.class)
        .hasMessageContaining("the kernel headers are older than those of Linux 6.12");
  }

  @Test
  void differences_ofFewerValues_areADifference() {
    assertThat(Compiler.differences(List.of(new Fact("EINTR", 4)), List.of()))
        .containsExactly("1 facts, 0 values");
  }

  @Test
  void facts_ofALayout_reachIntoMembersArraysAndWhatHasNoName() {
    MemoryLayout inner =
        MemoryLayout.structLayout(JAVA_INT.withName("a"), JAVA_INT.withName("b")).withName("inner");
    MemoryLayout unnamed =
        MemoryLayout.unionLayout(JAVA_INT.withName("c"), JAVA_LONG.withName("d"))
            .withName("$anon$1:1");
    assertThat(
            Facts.of(
                "struct x",
                MemoryLayout.structLayout(
                    JAVA_INT.withName("first"),
                    MemoryLayout.paddingLayout(4),
                    unnamed,
                    MemoryLayout.sequenceLayout(2, inner).withName("many"),
                    MemoryLayout.sequenceLayout(0, inner).withName("rest"))))
        .containsExactly(
            new Fact("sizeof(struct x)", 32),
            new Fact("_Alignof(struct x)", 8),
            new Fact("offsetof(struct x, first)", 0),
            new Fact("sizeof(((struct x *) 0)->first)", 4),
            new Fact("offsetof(struct x, c)", 8),
            new Fact("sizeof(((struct x *) 0)->c)", 4),
            new Fact("offsetof(struct x, d)", 8),
            new Fact("sizeof(((struct x *) 0)->d)", 8),
            new Fact("offsetof(struct x, many)", 16),
            new Fact("sizeof(((struct x *) 0)->many)", 16),
            new Fact("offsetof(struct x, many[0])", 16),
            new Fact("sizeof(((struct x *) 0)->many[0])", 8),
            new Fact("offsetof(struct x, many[0].a)", 16),
            new Fact("sizeof(((struct x *) 0)->many[0].a)", 4),
            new Fact("offsetof(struct x, many[0].b)", 20),
            new Fact("sizeof(((struct x *) 0)->many[0].b)", 4),
            new Fact("offsetof(struct x, rest)", 32),
            new Fact("offsetof(struct x, rest[0])", 32),
            new Fact("sizeof(((struct x *) 0)->rest[0])", 8),
            new Fact("offsetof(struct x, rest[0].a)", 32),
            new Fact("sizeof(((struct x *) 0)->rest[0].a)", 4),
            new Fact("offsetof(struct x, rest[0].b)", 36),
            new Fact("sizeof(((struct x *) 0)->rest[0].b)", 4));
  }

  @Test
  void facts_knowEveryNameThatIsIncluded_andNoOther() throws Exception {
    assertThat(Facts.structures())
        .extracting(Class::getSimpleName)
        .containsExactlyInAnyOrderElementsOf(included("--include-struct", "--include-typedef"));
    assertThat(Facts.constants())
        .extracting(Method::getName)
        .containsExactlyInAnyOrderElementsOf(included("--include-constant"));
  }

  /** The members that have a union around them are where the drivers look for them. */
  @Test
  void unionsInBindings_areSeen() throws Exception {
    assertThat(Facts.all("amd64"))
        .contains(new Fact("offsetof(struct v4l2_buffer, m.fd)", v4l2_buffer.m$offset()))
        .contains(
            new Fact("offsetof(struct v4l2_buffer, request_fd)", v4l2_buffer.request_fd$offset()))
        .contains(new Fact("DMA_BUF_IOCTL_SYNC", linux_h.DMA_BUF_IOCTL_SYNC()));
  }

  private static List<Fact> withWrongFacts(String architecture) throws Exception {
    List<Fact> facts = new ArrayList<>(Facts.all(architecture));
    facts.add(new Fact("offsetof(struct dma_buf_export_sync_file, fd)", 0));
    facts.add(new Fact("EINTR", 5));
    facts.add(new Fact("DMA_BUF_IOCTL_SYNC", 1));
    return facts;
  }

  private static Set<String> included(String... options) throws IOException {
    Set<String> names = new TreeSet<>();
    for (String line : Files.readAllLines(Compiler.INPUTS.resolve("includes.txt"))) {
      if (Stream.of(options).anyMatch(option -> line.startsWith(option + " "))) {
        names.add(line.substring(line.indexOf(' ') + 1));
      }
    }
    return names;
  }
}

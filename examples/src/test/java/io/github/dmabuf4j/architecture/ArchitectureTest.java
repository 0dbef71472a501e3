package io.github.dmabuf4j.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * The arrows between the modules, read from the classes and from the poms: exporters, the kit, the
 * views for Netty and the swap stores stand on the api and do not know each other, and nobody
 * depends on what runs things.
 *
 * <p>It lives in examples because that module is built last and sees all others.
 */
final class ArchitectureTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  /** Who may know whom, by folder. {@code jdk} and jspecify are free for all. */
  private static final Map<String, Set<String>> ARROWS =
      Map.of(
          "api", Set.of(),
          "impl-offheap", Set.of("dmabuf4j-api"),
          "impl-device", Set.of("dmabuf4j-api"),
          "tck", Set.of("dmabuf4j-api"),
          "netty", Set.of("dmabuf4j-api"),
          "swap", Set.of("dmabuf4j-api"),
          "benchmarks",
              Set.of(
                  "dmabuf4j-api",
                  "dmabuf4j-offheap",
                  "dmabuf4j-device",
                  "dmabuf4j-netty",
                  "dmabuf4j-swap"),
          "examples",
              Set.of("dmabuf4j-api", "dmabuf4j-offheap", "dmabuf4j-device", "dmabuf4j-swap"));

  private static final String OFFHEAP = "io.github.dmabuf4j.offheap..";
  private static final String DEVICE = "io.github.dmabuf4j.device..";
  private static final String GENERATED = "io.github.dmabuf4j.device.linux.bindings";
  private static final String TCK = "io.github.dmabuf4j.tck..";
  private static final String NETTY = "io.github.dmabuf4j.netty..";
  private static final String SWAP = "io.github.dmabuf4j.swap..";
  private static final String BENCHMARKS = "io.github.dmabuf4j.benchmarks..";
  private static final String EXAMPLES = "io.github.dmabuf4j.examples..";

  private static JavaClasses libraries;

  @BeforeAll
  static void readClasses() {
    libraries =
        new ClassFileImporter()
            .importPaths(
                output("api"),
                output("impl-offheap"),
                output("impl-device"),
                output("tck"),
                output("netty"),
                output("swap"));
  }

  @Test
  void libraries_areSeen() {
    assertThat(libraries.stream().map(JavaClass::getPackageName))
        .contains("io.github.dmabuf4j", "io.github.dmabuf4j.spi", "io.github.dmabuf4j.tck");
  }

  @Test
  void api_dependsOnTheJdkAlone() {
    classes()
        .that(areIn("api"))
        .should()
        .onlyDependOnClassesThat(
            packages("the JDK, jspecify or the api", "io.github.dmabuf4j", "org.jspecify")
                .or(isJdk()))
        .check(libraries);
    noClasses()
        .that(areIn("api"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(OFFHEAP, DEVICE, TCK, NETTY, SWAP, BENCHMARKS, EXAMPLES)
        .check(libraries);
  }

  @Test
  void exportersAndKit_doNotKnowEachOther() {
    noClasses()
        .that(areIn("impl-offheap"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(DEVICE, TCK, NETTY, SWAP, BENCHMARKS, EXAMPLES)
        .check(libraries);
    noClasses()
        .that(areIn("impl-device"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(OFFHEAP, TCK, NETTY, SWAP, BENCHMARKS, EXAMPLES)
        .check(libraries);
    noClasses()
        .that(areIn("tck"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(OFFHEAP, DEVICE, NETTY, SWAP, BENCHMARKS, EXAMPLES)
        .check(libraries);
  }

  @Test
  void netty_standsOnTheApi_soThatItServesAnyExporter() {
    noClasses()
        .that(areIn("netty"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(OFFHEAP, DEVICE, TCK, SWAP, BENCHMARKS, EXAMPLES)
        .check(libraries);
    noClasses()
        .that(areIn("netty"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.netty.util.internal..")
        .check(libraries);
  }

  @Test
  void swapStores_standOnTheApi_soThatTheyServeAnyHeap() {
    noClasses()
        .that(areIn("swap"))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(OFFHEAP, DEVICE, TCK, NETTY, BENCHMARKS, EXAMPLES)
        .check(libraries);
  }

  @Test
  void libraries_useNoUnsafeNorInternals() {
    noClasses().should().dependOnClassesThat(isJdkInternal()).check(libraries);
  }

  /** The generator traces calls there, and makes none of them for us. */
  @Test
  void libraries_leaveTheStandardStreamsAlone() {
    NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(
        libraries.that(resideOutsideOfPackage(GENERATED)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "api",
        "impl-offheap",
        "impl-device",
        "tck",
        "netty",
        "swap",
        "benchmarks",
        "examples"
      })
  void poms_followTheArrows(String module) throws Exception {
    assertThat(siblings(ROOT.resolve(module).resolve("pom.xml"), true))
        .isSubsetOf(ARROWS.get(module));
  }

  /**
   * Their tests may: an exporter runs the kit, and who serves any heap needs one. Those of examples
   * see everything.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {"api", "impl-offheap", "impl-device", "tck", "netty", "swap", "benchmarks"})
  void tests_ofExporters_mayUseTheKit(String module) throws Exception {
    Set<String> allowed = new TreeSet<>(ARROWS.get(module));
    if (module.startsWith("impl-")) {
      allowed.add("dmabuf4j-tck");
    }
    if (module.equals("netty") || module.equals("swap")) {
      allowed.add("dmabuf4j-offheap");
    }
    assertThat(siblings(ROOT.resolve(module).resolve("pom.xml"), false)).isSubsetOf(allowed);
  }

  @Test
  void everyModule_isKnownHereAndHasTests() throws Exception {
    Map<String, Long> tests = new TreeMap<>();
    for (String module : modules()) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
        tests.put(module, files.filter(file -> file.toString().endsWith(".java")).count());
      }
    }
    assertThat(tests.keySet()).isEqualTo(new TreeSet<>(ARROWS.keySet()));
    assertThat(tests.values()).allMatch(count -> count > 0);
  }

  private static Path output(String module) {
    return ROOT.resolve(module).resolve("target/classes");
  }

  private static DescribedPredicate<JavaClass> areIn(String module) {
    String folder = "/" + module + "/target/classes/";
    return DescribedPredicate.describe(
        "are in " + module,
        type ->
            type.getSource()
                .map(source -> source.getUri().getPath().contains(folder))
                .orElse(false));
  }

  private static DescribedPredicate<JavaClass> packages(String description, String... prefixes) {
    return DescribedPredicate.describe(
        description,
        type ->
            Stream.of(prefixes)
                .anyMatch(
                    prefix ->
                        type.getPackageName().equals(prefix)
                            || type.getPackageName().startsWith(prefix + ".")));
  }

  private static DescribedPredicate<JavaClass> isJdk() {
    Set<String> packages =
        ModuleLayer.boot().modules().stream()
            .filter(
                module ->
                    module.getName().startsWith("java.") || module.getName().startsWith("jdk."))
            .flatMap(module -> module.getPackages().stream())
            .collect(Collectors.toSet());
    return DescribedPredicate.describe(
        "the JDK",
        type -> {
          JavaClass element = type.isArray() ? type.getBaseComponentType() : type;
          return element.isPrimitive() || packages.contains(element.getPackageName());
        });
  }

  /** {@code Unsafe} and whatever a module of the JDK does not export to everybody. */
  private static DescribedPredicate<JavaClass> isJdkInternal() {
    Set<String> internal =
        ModuleLayer.boot().modules().stream()
            .filter(
                module ->
                    module.getName().startsWith("java.") || module.getName().startsWith("jdk."))
            .flatMap(
                module ->
                    module.getPackages().stream()
                        .filter(
                            name ->
                                module.getName().equals("jdk.unsupported")
                                    || !module.isExported(name)))
            .collect(Collectors.toSet());
    assertThat(internal).contains("sun.misc", "jdk.internal.misc").doesNotContain("java.lang");
    return DescribedPredicate.describe(
        "are internal to the JDK", type -> internal.contains(type.getPackageName()));
  }

  private static Set<String> modules() throws Exception {
    NodeList nodes = parse(ROOT.resolve("pom.xml")).getElementsByTagName("module");
    Set<String> modules = new TreeSet<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      modules.add(nodes.item(i).getTextContent().strip());
    }
    return modules;
  }

  /** Our own artifacts among the dependencies; {@code withoutTests} leaves out test scope. */
  private static Set<String> siblings(Path pom, boolean withoutTests) throws Exception {
    NodeList nodes = parse(pom).getElementsByTagName("dependency");
    Set<String> siblings = new TreeSet<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      Element dependency = (Element) nodes.item(i);
      boolean ours = "io.github.dmabuf4j".equals(text(dependency, "groupId"));
      boolean skipped = withoutTests && "test".equals(text(dependency, "scope"));
      if (ours && !skipped) {
        siblings.add(text(dependency, "artifactId"));
      }
    }
    return siblings;
  }

  private static Element parse(Path pom) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(pom.toFile())
        .getDocumentElement();
  }

  private static String text(Element parent, String name) {
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node.getNodeName().equals(name)) {
        return node.getTextContent().strip();
      }
    }
    return "";
  }
}

package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.UnionLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * All that the bindings say: size and alignment of each structure, offset and size of each member
 * at any depth, value and size of each constant, and what is written by hand beside them.
 */
final class Facts {
  /** How the generator calls what has no name in C; it differs from header to header. */
  private static final String UNNAMED = "$anon$";

  private final List<Fact> facts = new ArrayList<>();

  private Facts() {}

  /**
   * Everything, as it is on an architecture.
   *
   * @param architecture as in the system property {@code os.arch}
   */
  static List<Fact> all(String architecture) throws ReflectiveOperationException, IOException {
    Facts facts = new Facts();
    for (Class<?> structure : structures()) {
      GroupLayout layout = (GroupLayout) structure.getMethod("layout").invoke(null);
      facts.addType(typeName(structure.getSimpleName(), layout), layout);
    }
    facts.addType("struct epoll_event", EpollEvent.layout(architecture));
    facts.add("O_NOFOLLOW", OpenFlags.noFollow(architecture));
    for (Errno errno : Errno.values()) {
      facts.add(errno.name(), errno.number());
    }
    for (Method constant : constants()) {
      facts.addConstant(constant.getName(), constant.invoke(null));
    }
    facts.addControlMessages();
    return facts.facts;
  }

  /** What a layout says of a type in C. */
  static List<Fact> of(String type, GroupLayout layout) {
    Facts facts = new Facts();
    facts.addType(type, layout);
    return facts.facts;
  }

  /** The generated classes of structures. */
  static List<Class<?>> structures() throws ReflectiveOperationException, IOException {
    List<Class<?>> structures = new ArrayList<>();
    for (String name : classNames()) {
      if (!name.contains("$") && !name.equals(linux_h.class.getSimpleName())) {
        structures.add(Class.forName(linux_h.class.getPackageName() + "." + name));
      }
    }
    return structures;
  }

  /** The methods that return the generated constants. */
  static List<Method> constants() {
    return Stream.of(linux_h.class.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .filter(method -> !method.isSynthetic() && method.getParameterCount() == 0)
        .sorted(Comparator.comparing(Method::getName))
        .toList();
  }

  private static List<String> classNames() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(linux_h.class.getResource(".").toURI()))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".class"))
          .map(name -> name.substring(0, name.length() - ".class".length()))
          .sorted()
          .toList();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static String typeName(String name, GroupLayout layout) {
    if (isUnnamed(layout)) {
      return name; // a typedef
    }
    return switch (layout) {
      case StructLayout struct -> "struct " + name;
      case UnionLayout union -> "union " + name;
    };
  }

  private static boolean isUnnamed(MemoryLayout layout) {
    return layout.name().orElse(UNNAMED).startsWith(UNNAMED);
  }

  private void addType(String type, GroupLayout layout) {
    add("sizeof(%s)".formatted(type), layout.byteSize());
    add("_Alignof(%s)".formatted(type), layout.byteAlignment());
    addMembers(type, "", 0, layout);
  }

  /** Members of something unnamed belong to what surrounds it. */
  private void addMembers(String type, String path, long offset, GroupLayout layout) {
    long next = offset;
    for (MemoryLayout member : layout.memberLayouts()) {
      if (!(member instanceof PaddingLayout)) {
        if (isUnnamed(member)) {
          addMembers(type, path, next, (GroupLayout) member);
        } else {
          addMember(type, path + member.name().orElseThrow(), next, member);
        }
      }
      if (layout instanceof StructLayout) {
        next += member.byteSize();
      }
    }
  }

  private void addMember(String type, String path, long offset, MemoryLayout member) {
    add("offsetof(%s, %s)".formatted(type, path), offset);
    if (member.byteSize() > 0) { // C has no size of an array without a length
      add("sizeof(((%s *) 0)->%s)".formatted(type, path), member.byteSize());
    }
    switch (member) {
      case GroupLayout group -> addMembers(type, path + ".", offset, group);
      case SequenceLayout array -> addMember(type, path + "[0]", offset, array.elementLayout());
      default -> {}
    }
  }

  private void addConstant(String name, Object value) {
    switch (value) {
      case Integer number -> {
        add("(int) (%s)".formatted(name), number); // an unsigned one may be negative in Java
        add("sizeof(%s)".formatted(name), Integer.BYTES);
      }
      case Long number -> {
        add(name, number);
        add("sizeof(%s)".formatted(name), Long.BYTES);
      }
      case MemorySegment pointer -> add(name, pointer.address());
      default -> throw new AssertionError(name + " is a " + value.getClass());
    }
  }

  /** A credential is 12 bytes, 253 descriptors are the most that a message carries. */
  private void addControlMessages() {
    LongStream.concat(LongStream.rangeClosed(0, 24), LongStream.of(253 * Integer.BYTES))
        .forEach(
            size -> {
              add("CMSG_ALIGN(%d)".formatted(size), ControlMessages.align(size));
              add("CMSG_LEN(%d)".formatted(size), ControlMessages.length(size));
              add("CMSG_SPACE(%d)".formatted(size), ControlMessages.space(size));
            });
    add("(char *) CMSG_DATA((struct cmsghdr *) 0) - (char *) 0", ControlMessages.dataOffset());
  }

  private void add(String expression, long value) {
    facts.add(new Fact(expression, value));
  }
}

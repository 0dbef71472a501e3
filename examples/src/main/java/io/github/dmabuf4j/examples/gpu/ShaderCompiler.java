package io.github.dmabuf4j.examples.gpu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_compilation_status_success;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_compile_into_spv;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_compiler_initialize;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_compiler_release;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_glsl_compute_shader;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_result_get_bytes;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_result_get_compilation_status;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_result_get_error_message;
import static org.lwjgl.util.shaderc.Shaderc.shaderc_result_release;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.lwjgl.system.MemoryUtil;

/**
 * Translates compute shaders, which come with the program as GLSL, to SPIR-V.
 *
 * <p><b>Threads.</b> Any.
 */
final class ShaderCompiler {
  private ShaderCompiler() {}

  /**
   * Translates a shader of this package.
   *
   * @param name its file
   * @return SPIR-V in memory of its own, to be freed with {@link MemoryUtil#memFree}
   * @throws IOException if it isn't there
   * @throws IllegalStateException if it can't be translated; the message is the compiler's
   */
  static ByteBuffer compile(String name) throws IOException {
    String source = source(name);
    long compiler = notNull(shaderc_compiler_initialize(), "shaderc_compiler_initialize");
    try {
      long result =
          notNull(
              shaderc_compile_into_spv(
                  compiler, source, shaderc_glsl_compute_shader, name, "main", 0),
              "shaderc_compile_into_spv");
      try {
        if (shaderc_result_get_compilation_status(result) != shaderc_compilation_status_success) {
          throw new IllegalStateException(shaderc_result_get_error_message(result));
        }
        ByteBuffer words = Objects.requireNonNull(shaderc_result_get_bytes(result), "SPIR-V");
        return MemoryUtil.memAlloc(words.remaining()).put(words).flip();
      } finally {
        shaderc_result_release(result);
      }
    } finally {
      shaderc_compiler_release(compiler);
    }
  }

  private static String source(String name) throws IOException {
    try (InputStream in = ShaderCompiler.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new FileNotFoundException("the program comes without its shader " + name);
      }
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  private static long notNull(long pointer, String function) {
    if (pointer == 0) {
      throw new IllegalStateException(function + " answered null: no memory");
    }
    return pointer;
  }
}

package io.github.dmabuf4j.benchmarks.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.Serial;
import java.util.Collection;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.CharacterEscapes;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Reports as JSON. */
public final class Json {
  private static final JsonMapper PRETTY =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
  private static final JsonMapper FOR_SCRIPTS =
      JsonMapper.builder(JsonFactory.builder().characterEscapes(new MarkupEscapes()).build())
          .build();

  private Json() {}

  /** The text of {@code report.json}; see {@link Report} for its schema. */
  public static String of(Report report) {
    return PRETTY.writeValueAsString(report) + "\n";
  }

  /** JSON that may stand in a {@code script} element: nothing in it ends that. */
  static String forScript(Object value) {
    return FOR_SCRIPTS.writeValueAsString(value);
  }

  /**
   * What JMH itself writes about results.
   *
   * @throws tools.jackson.core.JacksonException if that isn't JSON
   */
  public static JsonNode ofJmh(Collection<RunResult> results) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, UTF_8);
    ResultFormatFactory.getInstance(ResultFormatType.JSON, out).writeOut(results);
    return PRETTY.readTree(bytes.toString(UTF_8));
  }

  /** Escapes what means something to HTML as well. */
  private static final class MarkupEscapes extends CharacterEscapes {
    @Serial private static final long serialVersionUID = 1L;

    private final int[] ascii = standardAsciiEscapesForJSON();

    MarkupEscapes() {
      for (char markup : "<>&'".toCharArray()) {
        ascii[markup] = ESCAPE_STANDARD;
      }
    }

    @Override
    public int[] getEscapeCodesForAscii() {
      return ascii.clone();
    }

    @Override
    public @Nullable SerializableString getEscapeSequence(int character) {
      return null; // none but the standard ones
    }
  }
}

package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A small text file of the kernel's, read anew at each call: it tells no size, and its content is
 * of the moment. What it says is checked, for it may be anything below a root of somebody's.
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * @param path where it is
 */
record KernelFile(Path path) {
  /** Of what is read at most; {@code memory.stat} has 2 KiB. */
  private static final int MOST_BYTES = 64 << 10;

  /** Of what is read of nearly all files: who looks each second should leave little garbage. */
  private static final int USUAL_BYTES = 512;

  private static final int MOST_DIGITS = 18; // of a long, for sure

  /**
   * Its lines.
   *
   * @throws IOException if it can't be read: the message is its path and the reason, as it is of
   *     all methods here
   */
  List<String> lines() throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      byte[] head = in.readNBytes(USUAL_BYTES);
      byte[] tail = head.length < USUAL_BYTES ? new byte[0] : in.readNBytes(MOST_BYTES);
      byte[] all = Arrays.copyOf(head, head.length + tail.length);
      System.arraycopy(tail, 0, all, head.length, tail.length);
      return new String(all, StandardCharsets.UTF_8).lines().toList();
    } catch (IOException e) {
      throw new IOException(path + ": " + reason(e), e);
    }
  }

  /**
   * The number that it consists of; {@code max}, and what is larger than a long, is the largest.
   *
   * @throws IOException if it can't be read, or isn't a number
   */
  long number() throws IOException {
    List<String> lines = lines();
    return parse(lines.isEmpty() ? "" : lines.getFirst());
  }

  /**
   * The number after a word and a separator: in {@code max 12}, or in {@code some avg10=0.00
   * total=12}.
   *
   * @param line the first word of the line it is in
   * @param key what is before it, with the separator; empty if it is the second word
   * @throws IOException if it can't be read, has no such line, or no number there
   */
  long number(String line, String key) throws IOException {
    for (String candidate : lines()) {
      if (candidate.startsWith(line + " ")) {
        int at = candidate.indexOf(" " + key) + 1 + key.length();
        if (at > key.length()) {
          int end = candidate.indexOf(' ', at);
          return parse(end < 0 ? candidate.substring(at) : candidate.substring(at, end));
        }
      }
    }
    throw new IOException("%s: has no number after \"%s %s\"".formatted(path, line, key));
  }

  private long parse(String text) throws IOException {
    String number = text.strip();
    if (number.equals("max")) {
      return Long.MAX_VALUE;
    }
    if (number.isEmpty() || !number.chars().allMatch(c -> c >= '0' && c <= '9')) {
      throw new IOException(
          "%s: has \"%s\" where a number is wanted".formatted(path, shortened(number)));
    }
    return number.length() <= MOST_DIGITS ? Long.parseLong(number) : large(number);
  }

  private static long large(String number) {
    try {
      return Long.parseLong(number);
    } catch (NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }

  private static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "…";
  }

  /** Why a file could not be used: in a few words, without its name. */
  private static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "no such file";
    }
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    String message = e instanceof FileSystemException of ? of.getReason() : e.getMessage();
    return Objects.requireNonNullElse(message, e.getClass().getSimpleName());
  }
}

package io.github.dmabuf4j.netty;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ScatteringByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * What can be done with a ByteBuf, by name: each step gets two small numbers and a value, and says
 * what came out in a form that can be compared.
 */
final class ByteBufSurface {
  /** One thing that can be done. */
  @FunctionalInterface
  interface Step {
    Object on(ByteBuf bytes, int a, int b, long value) throws IOException;
  }

  private final Map<String, Step> steps = new LinkedHashMap<>();

  private ByteBufSurface() {
    gets();
    sets();
    reads();
    writes();
    bulkGets();
    bulkSets();
    bulkReadsAndWrites();
    streamsAndChannels();
    derived();
    searches();
    indices();
    capacities();
  }

  static Map<String, Step> steps() {
    return new ByteBufSurface().steps;
  }

  private void gets() {
    steps.put("getBoolean", (bytes, a, b, v) -> bytes.getBoolean(a));
    steps.put("getByte", (bytes, a, b, v) -> bytes.getByte(a));
    steps.put("getUnsignedByte", (bytes, a, b, v) -> bytes.getUnsignedByte(a));
    steps.put("getShort", (bytes, a, b, v) -> bytes.getShort(a));
    steps.put("getShortLE", (bytes, a, b, v) -> bytes.getShortLE(a));
    steps.put("getUnsignedShort", (bytes, a, b, v) -> bytes.getUnsignedShort(a));
    steps.put("getUnsignedShortLE", (bytes, a, b, v) -> bytes.getUnsignedShortLE(a));
    steps.put("getMedium", (bytes, a, b, v) -> bytes.getMedium(a));
    steps.put("getMediumLE", (bytes, a, b, v) -> bytes.getMediumLE(a));
    steps.put("getUnsignedMedium", (bytes, a, b, v) -> bytes.getUnsignedMedium(a));
    steps.put("getUnsignedMediumLE", (bytes, a, b, v) -> bytes.getUnsignedMediumLE(a));
    steps.put("getInt", (bytes, a, b, v) -> bytes.getInt(a));
    steps.put("getIntLE", (bytes, a, b, v) -> bytes.getIntLE(a));
    steps.put("getUnsignedInt", (bytes, a, b, v) -> bytes.getUnsignedInt(a));
    steps.put("getUnsignedIntLE", (bytes, a, b, v) -> bytes.getUnsignedIntLE(a));
    steps.put("getLong", (bytes, a, b, v) -> bytes.getLong(a));
    steps.put("getLongLE", (bytes, a, b, v) -> bytes.getLongLE(a));
    steps.put("getChar", (bytes, a, b, v) -> bytes.getChar(a));
    steps.put("getFloat", (bytes, a, b, v) -> bytes.getFloat(a));
    steps.put("getFloatLE", (bytes, a, b, v) -> bytes.getFloatLE(a));
    steps.put("getDouble", (bytes, a, b, v) -> bytes.getDouble(a));
    steps.put("getDoubleLE", (bytes, a, b, v) -> bytes.getDoubleLE(a));
    steps.put("little-endian getInt", (bytes, a, b, v) -> littleEndian(bytes).getInt(a));
    steps.put("little-endian getMedium", (bytes, a, b, v) -> littleEndian(bytes).getMedium(a));
  }

  private void sets() {
    change("setBoolean", (bytes, a, b, v) -> bytes.setBoolean(a, (v & 1) == 0));
    change("setByte", (bytes, a, b, v) -> bytes.setByte(a, (int) v));
    change("setShort", (bytes, a, b, v) -> bytes.setShort(a, (int) v));
    change("setShortLE", (bytes, a, b, v) -> bytes.setShortLE(a, (int) v));
    change("setMedium", (bytes, a, b, v) -> bytes.setMedium(a, (int) v));
    change("setMediumLE", (bytes, a, b, v) -> bytes.setMediumLE(a, (int) v));
    change("setInt", (bytes, a, b, v) -> bytes.setInt(a, (int) v));
    change("setIntLE", (bytes, a, b, v) -> bytes.setIntLE(a, (int) v));
    change("setLong", (bytes, a, b, v) -> bytes.setLong(a, v));
    change("setLongLE", (bytes, a, b, v) -> bytes.setLongLE(a, v));
    change("setChar", (bytes, a, b, v) -> bytes.setChar(a, (int) v));
    change("setFloat", (bytes, a, b, v) -> bytes.setFloat(a, (float) v));
    change("setDoubleLE", (bytes, a, b, v) -> bytes.setDoubleLE(a, (double) v));
    change("setZero", (bytes, a, b, v) -> bytes.setZero(a, b));
    change("little-endian setLong", (bytes, a, b, v) -> littleEndian(bytes).setLong(a, v));
    steps.put(
        "setCharSequence",
        (bytes, a, b, v) -> bytes.setCharSequence(a, "äb" + v, StandardCharsets.UTF_8));
  }

  private void reads() {
    steps.put("readBoolean", (bytes, a, b, v) -> bytes.readBoolean());
    steps.put("readByte", (bytes, a, b, v) -> bytes.readByte());
    steps.put("readShort", (bytes, a, b, v) -> bytes.readShort());
    steps.put("readShortLE", (bytes, a, b, v) -> bytes.readShortLE());
    steps.put("readMedium", (bytes, a, b, v) -> bytes.readMedium());
    steps.put("readMediumLE", (bytes, a, b, v) -> bytes.readMediumLE());
    steps.put("readInt", (bytes, a, b, v) -> bytes.readInt());
    steps.put("readIntLE", (bytes, a, b, v) -> bytes.readIntLE());
    steps.put("readUnsignedInt", (bytes, a, b, v) -> bytes.readUnsignedInt());
    steps.put("readLong", (bytes, a, b, v) -> bytes.readLong());
    steps.put("readLongLE", (bytes, a, b, v) -> bytes.readLongLE());
    steps.put("readDouble", (bytes, a, b, v) -> bytes.readDouble());
    steps.put(
        "readCharSequence",
        (bytes, a, b, v) -> bytes.readCharSequence(b, StandardCharsets.ISO_8859_1));
    change("skipBytes", (bytes, a, b, v) -> bytes.skipBytes(b));
  }

  private void writes() {
    change("writeBoolean", (bytes, a, b, v) -> bytes.writeBoolean((v & 1) == 0));
    change("writeByte", (bytes, a, b, v) -> bytes.writeByte((int) v));
    change("writeShort", (bytes, a, b, v) -> bytes.writeShort((int) v));
    change("writeShortLE", (bytes, a, b, v) -> bytes.writeShortLE((int) v));
    change("writeMedium", (bytes, a, b, v) -> bytes.writeMedium((int) v));
    change("writeMediumLE", (bytes, a, b, v) -> bytes.writeMediumLE((int) v));
    change("writeInt", (bytes, a, b, v) -> bytes.writeInt((int) v));
    change("writeIntLE", (bytes, a, b, v) -> bytes.writeIntLE((int) v));
    change("writeLong", (bytes, a, b, v) -> bytes.writeLong(v));
    change("writeLongLE", (bytes, a, b, v) -> bytes.writeLongLE(v));
    change("writeFloat", (bytes, a, b, v) -> bytes.writeFloat((float) v));
    change("writeZero", (bytes, a, b, v) -> bytes.writeZero(b));
    steps.put(
        "writeCharSequence",
        (bytes, a, b, v) -> bytes.writeCharSequence("c" + v, StandardCharsets.US_ASCII));
  }

  private void bulkGets() {
    steps.put(
        "getBytes to an array",
        (bytes, a, b, v) -> {
          byte[] target = new byte[40];
          bytes.getBytes(a, target, 3, b);
          return seen(target);
        });
    steps.put(
        "getBytes to a ByteBuffer",
        (bytes, a, b, v) -> {
          ByteBuffer target = ByteBuffer.allocateDirect(b & 0xff);
          bytes.getBytes(a, target);
          return List.of(target.position(), contentOf(target.flip()));
        });
    to("getBytes to a ByteBuf on the heap", Unpooled::buffer);
    to("getBytes to a direct ByteBuf", Unpooled::directBuffer);
  }

  private void to(String name, BiFunction<Integer, Integer, ByteBuf> made) {
    steps.put(
        name,
        (bytes, a, b, v) -> {
          ByteBuf target = made.apply(40, 40).setZero(0, 40);
          try {
            bytes.getBytes(a, target, 3, b);
            return contentOf(target.setIndex(0, 40));
          } finally {
            target.release();
          }
        });
  }

  private void bulkSets() {
    change("setBytes from an array", (bytes, a, b, v) -> bytes.setBytes(a, pattern(v, 50), 5, b));
    change(
        "setBytes from a ByteBuffer",
        (bytes, a, b, v) -> bytes.setBytes(a, ByteBuffer.wrap(pattern(v, b & 0xff))));
    change(
        "setBytes from a read-only direct ByteBuffer",
        (bytes, a, b, v) ->
            bytes.setBytes(
                a, ByteBuffer.allocateDirect(20).put(pattern(v, 20)).flip().asReadOnlyBuffer()));
    change(
        "setBytes from a ByteBuf on the heap",
        (bytes, a, b, v) -> bytes.setBytes(a, Unpooled.wrappedBuffer(pattern(v, 50)), 5, b));
    change(
        "setBytes from a composite",
        (bytes, a, b, v) ->
            bytes.setBytes(
                a, Unpooled.wrappedBuffer(pattern(v, 9), pattern(v + 1, 9)), Math.max(b, 0)));
    change("setBytes from itself", (bytes, a, b, v) -> bytes.setBytes(a, bytes, b, 10));
  }

  private void bulkReadsAndWrites() {
    steps.put(
        "readBytes to an array",
        (bytes, a, b, v) -> {
          byte[] target = new byte[b & 0xff];
          bytes.readBytes(target);
          return seen(target);
        });
    steps.put("readBytes of a length", (bytes, a, b, v) -> released(bytes.readBytes(b)));
    change("writeBytes of an array", (bytes, a, b, v) -> bytes.writeBytes(pattern(v, b & 31)));
    change(
        "writeBytes of a ByteBuf",
        (bytes, a, b, v) -> bytes.writeBytes(Unpooled.wrappedBuffer(pattern(v, 30)), b));
    change(
        "writeBytes of a ByteBuffer",
        (bytes, a, b, v) -> bytes.writeBytes(ByteBuffer.wrap(pattern(v, b & 31))));
    change( // without growing, which Netty's own do by another amount
        "writeBytes of itself",
        (bytes, a, b, v) -> bytes.isWritable(b) ? bytes.writeBytes(bytes, a, b) : bytes);
  }

  private void streamsAndChannels() {
    steps.put(
        "getBytes to a stream",
        (bytes, a, b, v) -> {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          bytes.getBytes(a, out, length(b));
          return seen(out.toByteArray());
        });
    steps.put(
        "getBytes to a channel",
        (bytes, a, b, v) -> {
          Sink sink = new Sink();
          return List.of(bytes.getBytes(a, sink, length(b)), seen(sink.out.toByteArray()));
        });
    steps.put(
        "readBytes to a channel",
        (bytes, a, b, v) -> {
          Sink sink = new Sink();
          return List.of(bytes.readBytes(sink, length(b)), seen(sink.out.toByteArray()));
        });
    steps.put(
        "setBytes from a stream", (bytes, a, b, v) -> bytes.setBytes(a, stream(v), length(b)));
    steps.put("writeBytes of a stream", (bytes, a, b, v) -> bytes.writeBytes(stream(v), length(b)));
    steps.put(
        "setBytes from a channel", (bytes, a, b, v) -> bytes.setBytes(a, new Source(v), length(b)));
    steps.put(
        "writeBytes of a channel", (bytes, a, b, v) -> bytes.writeBytes(new Source(v), length(b)));
  }

  private void derived() {
    steps.put("slice", (bytes, a, b, v) -> contentOf(bytes.slice(a, b)));
    steps.put("retainedSlice", (bytes, a, b, v) -> released(bytes.retainedSlice(a, b)));
    steps.put("readSlice", (bytes, a, b, v) -> contentOf(bytes.readSlice(b)));
    steps.put("readRetainedSlice", (bytes, a, b, v) -> released(bytes.readRetainedSlice(b)));
    steps.put("slice of a slice", (bytes, a, b, v) -> contentOf(bytes.slice(a, 9).slice(b, 3)));
    change("set in a slice", (bytes, a, b, v) -> bytes.slice(a, b).setInt(2, (int) v));
    steps.put("duplicate", (bytes, a, b, v) -> contentOf(bytes.duplicate()));
    steps.put("retainedDuplicate", (bytes, a, b, v) -> released(bytes.retainedDuplicate()));
    steps.put("asReadOnly", (bytes, a, b, v) -> contentOf(bytes.asReadOnly().slice(a, b)));
    steps.put(
        "set read-only", (bytes, a, b, v) -> bytes.asReadOnly().setByte(a, b)); // always refused
    steps.put("copy", (bytes, a, b, v) -> released(bytes.copy(a, b)));
    steps.put("nioBuffer", (bytes, a, b, v) -> contentOf(bytes.nioBuffer(a, b)));
    steps.put("nioBuffers", (bytes, a, b, v) -> contentOf(bytes.nioBuffers(a, b)[0]));
    steps.put("internalNioBuffer", (bytes, a, b, v) -> contentOf(bytes.internalNioBuffer(a, b)));
    change(
        "put to a nioBuffer",
        (bytes, a, b, v) -> {
          var _ = bytes.nioBuffer(a, b).putLong(v);
          return bytes;
        });
  }

  private void searches() {
    steps.put("indexOf", (bytes, a, b, v) -> bytes.indexOf(a, b, (byte) v));
    steps.put("bytesBefore", (bytes, a, b, v) -> bytes.bytesBefore((byte) v));
    steps.put(
        "forEachByte", (bytes, a, b, v) -> bytes.forEachByte(a, b, value -> value != (byte) v));
    steps.put(
        "forEachByteDesc",
        (bytes, a, b, v) -> bytes.forEachByteDesc(a, b, value -> value != (byte) v));
    steps.put("hashCode", (bytes, a, b, v) -> bytes.hashCode());
    steps.put("toString", (bytes, a, b, v) -> bytes.toString(StandardCharsets.ISO_8859_1));
    steps.put(
        "equals and compareTo",
        (bytes, a, b, v) -> {
          ByteBuf other = Unpooled.wrappedBuffer(pattern(v, b & 7));
          return List.of(bytes.equals(other), Integer.signum(bytes.compareTo(other)));
        });
  }

  private void indices() {
    change("readerIndex", (bytes, a, b, v) -> bytes.readerIndex(a));
    change("writerIndex", (bytes, a, b, v) -> bytes.writerIndex(a));
    change("setIndex", (bytes, a, b, v) -> bytes.setIndex(a, b));
    change("clear", (bytes, a, b, v) -> bytes.clear());
    change("markReaderIndex", (bytes, a, b, v) -> bytes.markReaderIndex());
    change("resetReaderIndex", (bytes, a, b, v) -> bytes.resetReaderIndex());
    change("markWriterIndex", (bytes, a, b, v) -> bytes.markWriterIndex());
    change("resetWriterIndex", (bytes, a, b, v) -> bytes.resetWriterIndex());
    change("discardReadBytes", (bytes, a, b, v) -> bytes.discardReadBytes());
    change("discardSomeReadBytes", (bytes, a, b, v) -> bytes.discardSomeReadBytes());
    steps.put("isReadable", (bytes, a, b, v) -> bytes.isReadable(b));
    steps.put("isWritable", (bytes, a, b, v) -> bytes.isWritable(b));
    steps.put("maxWritableBytes", (bytes, a, b, v) -> bytes.maxWritableBytes());
  }

  private void capacities() {
    change("capacity", (bytes, a, b, v) -> bytes.capacity(a + b));
    change("ensureWritable", (bytes, a, b, v) -> bytes.ensureWritable(a));
    steps.put("ensureWritable or not", (bytes, a, b, v) -> bytes.ensureWritable(a, (v & 1) == 0));
    steps.put("touch", (bytes, a, b, v) -> bytes.touch("here") == bytes);
    steps.put("retain and release", (bytes, a, b, v) -> bytes.retain(2).release(2));
  }

  /** Not negative: what a negative length does, Netty's own don't agree on either. */
  private static int length(int b) {
    return b & Integer.MAX_VALUE;
  }

  /** A step whose result is the ByteBuf it was done to. */
  private void change(String name, Step step) {
    steps.put(
        name,
        (bytes, a, b, v) -> {
          Object _ = step.on(bytes, a, b, v);
          return "done";
        });
  }

  @SuppressWarnings("deprecation") // and still there
  private static ByteBuf littleEndian(ByteBuf bytes) {
    return bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] pattern(long value, int length) {
    byte[] pattern = new byte[length];
    for (int i = 0; i < length; i++) {
      pattern[i] = (byte) (value + i * 7L);
    }
    return pattern;
  }

  private static ByteArrayInputStream stream(long value) {
    return new ByteArrayInputStream(pattern(value, 30));
  }

  private static String seen(byte[] bytes) {
    return Arrays.toString(bytes);
  }

  private static String released(ByteBuf part) {
    try {
      return contentOf(part);
    } finally {
      part.release();
    }
  }

  static String contentOf(ByteBuf part) {
    byte[] content = new byte[part.readableBytes()];
    part.getBytes(part.readerIndex(), content);
    return seen(content);
  }

  private static String contentOf(ByteBuffer part) {
    byte[] content = new byte[part.remaining()];
    part.get(content);
    return seen(content);
  }

  /** Takes what is written to it. */
  static final class Sink implements GatheringByteChannel {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) {
      return Arrays.stream(sources, offset, offset + length).mapToLong(this::write).sum();
    }

    @Override
    public long write(ByteBuffer[] sources) {
      return write(sources, 0, sources.length);
    }

    @Override
    public int write(ByteBuffer source) {
      byte[] content = new byte[source.remaining()];
      source.get(content);
      out.writeBytes(content);
      return content.length;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  /** Gives 30 bytes and ends. */
  static final class Source implements ScatteringByteChannel {
    private final ReadableByteChannel channel;

    Source(long value) {
      channel = Channels.newChannel(stream(value));
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) throws IOException {
      return read(targets[offset]);
    }

    @Override
    public long read(ByteBuffer[] targets) throws IOException {
      return read(targets[0]);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return channel.read(target);
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}

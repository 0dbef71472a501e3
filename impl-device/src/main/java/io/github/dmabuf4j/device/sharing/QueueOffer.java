package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * All buffers of a queue, which are sent once. Their memory comes along, in the same order.
 *
 * <p>In a frame: the name's length (1 byte) and the name in UTF-8, the number of buffers (4), and a
 * {@link BufferDescription} each; then, if they aren't 0, the abilities (4).
 *
 * @param abilities what fences the producer takes beside those that all do, see {@link
 *     PeerFences#abilities}
 * @param name what the queue is for, in reports
 * @param buffers what each slot holds
 */
record QueueOffer(int abilities, String name, List<BufferDescription> buffers) {
  /**
   * The most buffers of a queue. Their tokens, two for each, must find room in the socket, so that
   * handing on never waits; and the kernel passes no more than 253 descriptors at once.
   */
  static final int MAX_SLOTS = 64;

  static final int MAX_NAME_BYTES = 255;

  void write(ByteBuffer into) {
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    into.put((byte) text.length).put(text).putInt(buffers.size());
    buffers.forEach(buffer -> buffer.write(into));
    PeerFences.writeAbilities(into, abilities);
  }

  static QueueOffer read(Frame frame) {
    return frame.read(
        content -> {
          byte[] text = new byte[Byte.toUnsignedInt(content.get())];
          content.get(text);
          int count = content.getInt();
          if (count != frame.descriptors()) {
            throw frame.wrong(
                Problem.DESCRIPTORS,
                "as many buffers as descriptors, " + frame.descriptors(),
                count);
          }
          List<BufferDescription> buffers = new ArrayList<>(count);
          for (int i = 0; i < count; i++) {
            buffers.add(BufferDescription.read(frame, content));
          }
          return new QueueOffer(
              PeerFences.readAbilities(content),
              new String(text, StandardCharsets.UTF_8),
              List.copyOf(buffers));
        });
  }
}

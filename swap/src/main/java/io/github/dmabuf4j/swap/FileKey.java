package io.github.dmabuf4j.swap;

import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.io.Serial;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.SecretKey;

/**
 * A key of 256 bits for one file. It is nowhere but in this process; {@link #destroy} overwrites
 * it. What a cipher derived from it stays on the Java heap until the collector takes it.
 *
 * <p><b>Threads.</b> Any; not used after {@link #destroy}.
 */
@SuppressWarnings("serial") // it refuses
final class FileKey implements SecretKey {
  private final transient byte[] bytes = new byte[32];
  private transient volatile boolean destroyed;

  /** Makes a new one. */
  FileKey() {
    new SecureRandom().nextBytes(bytes);
  }

  @Override
  public String getAlgorithm() {
    return "AES";
  }

  @Override
  public String getFormat() {
    return "RAW";
  }

  @Override
  public byte[] getEncoded() {
    if (destroyed) {
      throw new IllegalStateException("the key was destroyed");
    }
    return bytes.clone();
  }

  @Override
  public void destroy() {
    destroyed = true;
    Arrays.fill(bytes, (byte) 0);
  }

  @Override
  public boolean isDestroyed() {
    return destroyed;
  }

  @Serial
  private void writeObject(ObjectOutputStream out) throws NotSerializableException {
    throw new NotSerializableException("a key of a swap file");
  }
}

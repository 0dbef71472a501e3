package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;

/**
 * What one thread needs to encrypt: a cipher, AES in Galois/counter mode, and scratch for a chunk.
 *
 * <p>A nonce is the number of the chunk since the file was opened. The key is the file's alone, so
 * none is used twice.
 *
 * <p><b>Guard.</b> As {@link Shared} says.
 */
final class CipherLane extends Shared {
  /** By how much encrypted bytes are longer. */
  static final int TAG = 16;

  private static final int NONCE = 12;

  private final SwapMemory.Piece memory;
  private final Cipher cipher;
  private final SecretKey key;

  private CipherLane(SwapMemory.Piece memory, SecretKey key) throws GeneralSecurityException {
    this.memory = memory;
    this.key = key;
    this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
  }

  /**
   * Makes lanes for several threads.
   *
   * @throws io.github.dmabuf4j.HeapUnavailableException if there is no memory for them
   */
  static List<CipherLane> open(SecretKey key, SwapMemory memory) {
    return Shared.open(() -> openOne(key, memory));
  }

  private static CipherLane openOne(SecretKey key, SwapMemory memory) {
    SwapMemory.Piece piece = Scratch.take(memory, Slices.LONGEST_CHUNK + TAG);
    try {
      return new CipherLane(piece, key);
    } catch (GeneralSecurityException e) {
      piece.close();
      throw new IllegalStateException("this Java has no AES/GCM, which each has to have", e);
    }
  }

  /** Where encrypted bytes are: what was written before a decryption, or came of an encryption. */
  MemorySegment scratch(int bytes) {
    return memory.segment().asSlice(0, bytes);
  }

  /** Encrypts into the scratch; returns it. */
  MemorySegment encrypt(MemorySegment bytes, long nonce) {
    MemorySegment result = scratch((int) bytes.byteSize() + TAG);
    try {
      cipher.init(Cipher.ENCRYPT_MODE, key, parameters(nonce));
      cipher.doFinal(bytes.asByteBuffer(), result.asByteBuffer());
      return result;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("encryption failed that can't", e);
    }
  }

  /**
   * Decrypts what is in the scratch.
   *
   * @throws GeneralSecurityException if it isn't what was encrypted
   */
  void decrypt(long nonce, MemorySegment target) throws GeneralSecurityException {
    cipher.init(Cipher.DECRYPT_MODE, key, parameters(nonce));
    cipher.doFinal(scratch((int) target.byteSize() + TAG).asByteBuffer(), target.asByteBuffer());
  }

  private static GCMParameterSpec parameters(long nonce) {
    byte[] bytes = ByteBuffer.allocate(NONCE).putLong(NONCE - Long.BYTES, nonce).array();
    return new GCMParameterSpec(TAG * Byte.SIZE, bytes);
  }

  @Override
  void release() {
    memory.close();
  }
}

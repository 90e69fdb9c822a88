package org.minillm.cli;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Damages files. Input number {@code i} of a seed is the same whenever it is asked for. */
final class Mutator {

  private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;

  private Mutator() {}

  /** Returns the random numbers of one input. */
  static RandomGenerator random(long seed, long index) {
    return new SplittableRandom(seed * GOLDEN_RATIO + index);
  }

  /**
   * Damages a file in one to four places: what it says, its bytes, or first the one and then the
   * other.
   *
   * @param valid a good file
   * @param random decides how
   * @return another one
   */
  static byte[] damage(byte[] valid, RandomGenerator random) {
    byte[] damaged = valid;
    int kinds = 1 + random.nextInt(3);
    if ((kinds & 1) != 0) {
      for (int count = few(random); count > 0; count--) {
        // a byte a character: what is no text stays as it is
        String text = new String(damaged, StandardCharsets.ISO_8859_1);
        damaged = new JsonText(text).damaged(random).getBytes(StandardCharsets.ISO_8859_1);
      }
    }
    if ((kinds & 2) != 0) {
      for (int count = few(random); count > 0; count--) {
        damaged = damagedByte(damaged, random);
      }
    }
    return damaged;
  }

  private static int few(RandomGenerator random) {
    return 1 + Integer.numberOfTrailingZeros(8 | random.nextInt(8));
  }

  private static byte[] damagedByte(byte[] bytes, RandomGenerator random) {
    if (bytes.length == 0) {
      return new byte[] {(byte) random.nextInt(256)};
    }
    int at = random.nextInt(bytes.length);
    int length = Math.min(1 + random.nextInt(16), bytes.length - at);
    byte[] piece = Arrays.copyOfRange(bytes, at, at + length);
    return switch (random.nextInt(6)) {
      case 0 -> {
        byte[] flipped = bytes.clone();
        flipped[at] ^= (byte) (1 << random.nextInt(8));
        yield flipped;
      }
      case 1 -> {
        byte[] other = new byte[length];
        random.nextBytes(other);
        yield replaced(bytes, at, length, other);
      }
      case 2 -> replaced(bytes, at, length, new byte[0]);
      case 3 -> replaced(bytes, at, 0, piece);
      case 4 -> replaced(bytes, random.nextInt(bytes.length), 0, piece);
      default -> Arrays.copyOf(bytes, random.nextInt(2 * bytes.length));
    };
  }

  private static byte[] replaced(byte[] bytes, int at, int length, byte[] piece) {
    byte[] result = new byte[bytes.length + piece.length - Math.min(length, bytes.length - at)];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(piece, 0, result, at, piece.length);
    int rest = result.length - at - piece.length;
    System.arraycopy(bytes, bytes.length - rest, result, at + piece.length, rest);
    return result;
  }
}

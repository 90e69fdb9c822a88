package org.minillm.core.checkpoint;

import java.util.Arrays;
import java.util.Random;

/** Damage as files suffer it, and as somebody would do it on purpose. */
final class Mutation {

  private static final byte[] TELLING = {0, 1, -1, 127, -128, '.', '(', 'c', 'R'};

  private Mutation() {}

  /** Returns a damaged copy: some bytes changed, a part doubled or left out, or the end cut. */
  static byte[] of(byte[] intact, Random random) {
    byte[] damaged = intact.clone();
    switch (random.nextInt(6)) {
      case 0 -> {
        return Arrays.copyOf(damaged, random.nextInt(damaged.length));
      }
      case 1 -> {
        int from = random.nextInt(damaged.length);
        int length = random.nextInt(Math.min(64, damaged.length - from)) + 1;
        int to = random.nextInt(damaged.length - length + 1);
        System.arraycopy(intact, from, damaged, to, length);
      }
      default -> {
        for (int changes = random.nextInt(4) + 1; changes > 0; changes--) {
          damaged[random.nextInt(damaged.length)] =
              random.nextBoolean()
                  ? TELLING[random.nextInt(TELLING.length)]
                  : (byte) random.nextInt(256);
        }
      }
    }
    return damaged;
  }
}

package org.minillm.core.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import org.minillm.core.files.JsonNode;

/**
 * The character map of a SentencePiece model: which characters stand for which others. A number of
 * bytes, a trie of so many bytes (Darts' double array: units of 32 bits), and the replacements,
 * each ended by a NUL. The library follows it without a look at where it leads.
 */
final class PrecompiledCharsmap {

  static final String KEY = "precompiled_charsmap";

  private static final int BYTE_VALUES = 256;
  private static final int LEAF = 1 << 8;

  /** A unit that is the value of a leaf has this bit, and is the label of nothing. */
  private static final int LABEL_BITS = 1 << 31 | 0xFF;

  private static final int VALUE_BITS = Integer.MAX_VALUE;

  private final IntBuffer units;
  private final byte[] replacements;

  private PrecompiledCharsmap(IntBuffer units, byte[] replacements) {
    this.units = units;
    this.replacements = replacements;
  }

  /**
   * Follows every path through a map.
   *
   * @throws IllegalArgumentException if it is damaged
   */
  static void require(JsonNode base64) {
    if (!read(base64).isSound()) {
      throw base64.refuse("a character map that leads out of its own tables; it is damaged");
    }
  }

  private static PrecompiledCharsmap read(JsonNode base64) {
    ByteBuffer bytes = ByteBuffer.wrap(decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
    long trie = bytes.remaining() < Integer.BYTES ? 0 : Integer.toUnsignedLong(bytes.getInt());
    if (trie < Integer.BYTES || trie > bytes.remaining()) {
      throw base64.refuse("a trie of %d bytes, of %d bytes".formatted(trie, bytes.remaining()));
    }
    int units = (int) trie / Integer.BYTES;
    IntBuffer array = bytes.asIntBuffer().limit(units);
    bytes.position(bytes.position() + units * Integer.BYTES);
    byte[] replacements = new byte[bytes.remaining()];
    bytes.get(replacements);
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(replacements));
    } catch (CharacterCodingException e) {
      throw base64.refuse("replacements that are not UTF-8");
    }
    return new PrecompiledCharsmap(array, replacements);
  }

  private static byte[] decode(JsonNode base64) {
    try {
      byte[] bytes = Base64.getDecoder().decode(base64.text());
      // Java's decoder is more lenient than the library's
      if (Base64.getEncoder().encodeToString(bytes).equals(base64.text())) {
        return bytes;
      }
    } catch (IllegalArgumentException e) {
      // falls through to the one message
    }
    throw base64.expected("a character map in base64");
  }

  private boolean isSound() {
    BitSet seen = new BitSet(units.limit());
    Deque<Long> nodes = new ArrayDeque<>();
    nodes.add(offset(units.get(0)));
    while (!nodes.isEmpty()) {
      long node = nodes.remove();
      for (int label = 1; label < BYTE_VALUES; label++) {
        long child = node ^ label;
        if (child >= units.limit()) {
          return false;
        }
        int unit = units.get((int) child);
        if ((unit & LABEL_BITS) != label) {
          continue;
        }
        long next = child ^ offset(unit);
        if (next >= units.limit() || isLeaf(unit) && !isReplacement(units.get((int) next))) {
          return false;
        }
        if (!seen.get((int) next)) {
          seen.set((int) next);
          nodes.add(next);
        }
      }
    }
    return true;
  }

  private static long offset(int unit) {
    return (long) (unit >>> 10) << ((unit & 1 << 9) >>> 6);
  }

  private static boolean isLeaf(int unit) {
    return (unit & LEAF) != 0;
  }

  /** Tells whether a value is where a character begins, or the end. */
  private boolean isReplacement(int unit) {
    int start = unit & VALUE_BITS;
    return start == replacements.length
        || start < replacements.length && (replacements[start] & 0xC0) != 0x80;
  }
}

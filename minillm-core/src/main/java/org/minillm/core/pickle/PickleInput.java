package org.minillm.core.pickle;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.minillm.core.files.MalformedFileException;

/** The bytes of a pickle, read from start to end. */
final class PickleInput {

  private final ByteBuffer bytes;
  private final String name;

  PickleInput(byte[] bytes, String name) {
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.name = name;
  }

  MalformedFileException refuse(String what) {
    return new MalformedFileException(
        name + ": byte " + bytes.position() + " of the pickle: " + what);
  }

  int unsignedByte() throws MalformedFileException {
    return require(1).get() & 0xff;
  }

  int unsignedShort() throws MalformedFileException {
    return require(Short.BYTES).getShort() & 0xffff;
  }

  int signedInt() throws MalformedFileException {
    return require(Integer.BYTES).getInt();
  }

  long unsignedInt() throws MalformedFileException {
    return signedInt() & 0xffff_ffffL;
  }

  long signedLong() throws MalformedFileException {
    return require(Long.BYTES).getLong();
  }

  /** Pickle has its floats, and nothing else, with the high byte first. */
  double bigEndianDouble() throws MalformedFileException {
    return Double.longBitsToDouble(Long.reverseBytes(signedLong()));
  }

  /** Two's complement, the low byte first. */
  Object integer(long length) throws MalformedFileException {
    byte[] little = bytes(length);
    if (little.length == 0) {
      return 0L;
    }
    byte[] big = new byte[little.length];
    for (int i = 0; i < big.length; i++) {
      big[i] = little[little.length - 1 - i];
    }
    BigInteger value = new BigInteger(big);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  String text(long length) throws MalformedFileException {
    return new String(bytes(length), UTF_8);
  }

  byte[] bytes(long length) throws MalformedFileException {
    require(length);
    byte[] taken = new byte[(int) length];
    bytes.get(taken);
    return taken;
  }

  /** As a name is written: to the end of the line. */
  String line() throws MalformedFileException {
    int from = bytes.position();
    while (unsignedByte() != '\n') {
      // goes on
    }
    return new String(Arrays.copyOfRange(bytes.array(), from, bytes.position() - 1), UTF_8);
  }

  private ByteBuffer require(long length) throws MalformedFileException {
    if (length < 0 || length > bytes.remaining()) {
      throw refuse(
          "ends %s bytes too early; the file is cut: download it again"
              .formatted(Long.toUnsignedString(length - bytes.remaining())));
    }
    return bytes;
  }
}

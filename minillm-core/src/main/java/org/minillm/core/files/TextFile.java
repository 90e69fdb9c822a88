package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads texts. The same text reads the same from every system: a byte order mark at its start is
 * passed over, and line ends of Windows are read as {@code \n}, as Python's text mode does.
 */
public final class TextFile {

  private static final byte[] UTF_8_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
  private static final byte[] UTF_16_LITTLE_MARK = {(byte) 0xFF, (byte) 0xFE};
  private static final byte[] UTF_16_BIG_MARK = {(byte) 0xFE, (byte) 0xFF};

  private static final String REMEDY = "; save it as UTF-8, for example with iconv -t UTF-8";

  /** What one Java array of bytes holds. */
  private static final long MAX_BYTES = Integer.MAX_VALUE - 8;

  private TextFile() {}

  /**
   * Reads a text whole.
   *
   * @param file UTF-8, or a stream of it
   * @return the text, without a byte order mark, its lines ended by {@code \n}
   * @throws MalformedFileException if it is not UTF-8; the message names the first wrong byte
   * @throws IOException if it cannot be read
   */
  public static String read(Path file) throws IOException {
    requireNonNull(file, "file");
    return decode(bytes(file), file).replace("\r\n", "\n").replace('\r', '\n');
  }

  private static byte[] bytes(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "a folder, expected a file");
    }
    if (Files.isRegularFile(file) && Files.size(file) > MAX_BYTES) {
      throw new MalformedFileException(
          String.format("%s: %d bytes, expected less than 2 GiB", file, Files.size(file)));
    }
    return Files.readAllBytes(file);
  }

  private static String decode(byte[] bytes, Path file) throws MalformedFileException {
    if (startsWith(bytes, UTF_16_LITTLE_MARK) || startsWith(bytes, UTF_16_BIG_MARK)) {
      throw new MalformedFileException(file + ": UTF-16, expected UTF-8" + REMEDY);
    }
    int start = startsWith(bytes, UTF_8_MARK) ? UTF_8_MARK.length : 0;
    ByteBuffer in = ByteBuffer.wrap(bytes, start, bytes.length - start);
    // no more characters than bytes
    CharBuffer out = CharBuffer.allocate(in.remaining());
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      int wrong = in.position();
      throw new MalformedFileException(
          String.format(
              "%s: byte 0x%02X at offset %d is not UTF-8%s",
              file, bytes[wrong], wrong, remedy(bytes, wrong)));
    }
    return out.flip().toString();
  }

  private static String remedy(byte[] bytes, int wrong) {
    // the first byte of a character says how many follow
    int missing = Integer.numberOfLeadingZeros(~(bytes[wrong] << 24)) - (bytes.length - wrong);
    return missing > 0 && missing < 4 && bytes.length - wrong < 4
        ? ": the file ends in the middle of a character; copy it again, or cut its last bytes off"
        : REMEDY;
  }

  private static boolean startsWith(byte[] bytes, byte[] mark) {
    for (int i = 0; i < mark.length; i++) {
      if (i >= bytes.length || bytes[i] != mark[i]) {
        return false;
      }
    }
    return true;
  }
}

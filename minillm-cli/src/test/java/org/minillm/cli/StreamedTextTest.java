package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class StreamedTextTest {

  private final StringWriter printed = new StringWriter();

  /** A tokenizer of bytes. */
  private static String decode(int[] ids) {
    byte[] bytes = new byte[ids.length];
    for (int i = 0; i < ids.length; i++) {
      bytes[i] = (byte) ids[i];
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private StreamedText stream() {
    return new StreamedText(StreamedTextTest::decode, new PrintWriter(printed));
  }

  @Test
  void textAppearsWithEachToken() {
    StreamedText stream = stream();
    stream.accept('a');
    assertThat(printed.toString()).isEqualTo("a");
    stream.accept('b');
    assertThat(printed.toString()).isEqualTo("ab");
  }

  @Test
  void characterOfTwoBytesAppearsWhenItIsComplete() {
    // GIVEN the two bytes of é
    StreamedText stream = stream();
    stream.accept(0xC3);
    assertThat(printed.toString()).isEmpty();

    // WHEN
    stream.accept(0xA9);

    // THEN
    assertThat(printed.toString()).isEqualTo("é");
  }

  @Test
  void endPrintsWhatNeverBecameACharacter() {
    // GIVEN
    StreamedText stream = stream();
    stream.accept('a');
    stream.accept(0xC3);

    // WHEN
    stream.finish();

    // THEN
    assertThat(printed.toString().strip()).isEqualTo("a\uFFFD");
  }
}

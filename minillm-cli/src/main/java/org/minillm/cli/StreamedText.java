package org.minillm.cli;

import com.google.common.primitives.Ints;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Prints a text as its tokens come. A character of several bytes may be spread over tokens; what
 * may still change is held back.
 */
final class StreamedText {

  /** What a decoder puts in the place of bytes that are not yet a character. */
  private static final String INCOMPLETE = "\uFFFD+$";

  private final Function<int[], String> decoder;
  private final PrintWriter out;
  private final List<Integer> ids = new ArrayList<>();
  private String printed = "";

  StreamedText(Function<int[], String> decoder, PrintWriter out) {
    this.decoder = decoder;
    this.out = out;
  }

  void accept(int token) {
    ids.add(token);
    print(decoder.apply(Ints.toArray(ids)).replaceFirst(INCOMPLETE, ""));
  }

  /** Prints what was held back, and ends the line. */
  void finish() {
    print(decoder.apply(Ints.toArray(ids)));
    out.println();
    out.flush();
  }

  private void print(String text) {
    if (text.startsWith(printed)) {
      out.print(text.substring(printed.length()));
      out.flush();
      printed = text;
    }
  }
}

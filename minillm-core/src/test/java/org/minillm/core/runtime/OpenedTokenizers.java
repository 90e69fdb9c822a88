package org.minillm.core.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A program that opens the tokenizers of all folders in a folder and works with those that open:
 * where native code ends the process, it is this one. Prints a line a folder, its name and what
 * came of it.
 */
final class OpenedTokenizers {

  static final int VOCABULARY = 1000;

  private static final List<String> TEXTS =
      List.of(
          "",
          "   ",
          "The quick  brown fox's café ﬁ™ ☃\n\n 12",
          "a<s>b <end>  \t </s>  <end>    b",
          "\u0000é\uD83D\uDE00 ⼀ ＡA\u0301 ##aa <unk>");

  private OpenedTokenizers() {}

  /**
   * Opens them.
   *
   * @param args the folder
   * @throws IOException if the folder cannot be read
   */
  public static void main(String[] args) throws IOException {
    try (Stream<Path> folders = Files.list(Path.of(args[0]))) {
      for (Path folder : folders.sorted().toList()) {
        System.out.println(folder.getFileName() + ": " + outcome(folder));
      }
    }
  }

  private static String outcome(Path folder) {
    try (Tokenizer tokenizer = Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine())) {
      int[] all = IntStream.range(0, VOCABULARY).toArray();
      tokenizer.decode(all);
      tokenizer.decode(new int[0]);
      IntStream.of(all).forEach(id -> tokenizer.decode(new int[] {id}));
      for (String text : TEXTS) {
        encode(tokenizer, text);
      }
      return "opened";
    } catch (IOException e) {
      return e.getMessage();
    } catch (RuntimeException | StackOverflowError e) {
      return "unforeseen: " + e;
    }
  }

  private static void encode(Tokenizer tokenizer, String text) {
    try {
      tokenizer.decode(tokenizer.encode(text));
    } catch (IllegalArgumentException e) {
      // a damaged tokenizer may not have the tokens of a text
    }
  }
}

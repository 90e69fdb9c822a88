package org.minillm.examples;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** What a program printed. */
record Printed(String text) {

  private static final Pattern NUMBER = Pattern.compile("-?[0-9][0-9,]*(\\.[0-9]+)?");

  /** A program that is run by its main method. */
  @FunctionalInterface
  interface Program<E extends Exception> {
    void main(String[] args) throws E;
  }

  static <E extends Exception> Printed by(Program<E> program, String... args) throws E {
    PrintStream before = System.out;
    Locale language = Locale.getDefault();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Locale.setDefault(Locale.ROOT); // numbers as they are parsed below
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      program.main(args);
    } finally {
      System.setOut(before);
      Locale.setDefault(language);
    }
    return new Printed(bytes.toString(StandardCharsets.UTF_8));
  }

  /** All numbers, in the order in which they stand. */
  List<Double> numbers() {
    return NUMBER
        .matcher(text)
        .results()
        .map(MatchResult::group)
        .map(number -> Double.valueOf(number.replace(",", "")))
        .toList();
  }
}

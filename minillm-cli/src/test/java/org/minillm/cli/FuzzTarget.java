package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * One kind of file that people hand to the program.
 *
 * @param name of the kind
 * @param seeds good files, to be damaged
 * @param form makes a file of what was damaged
 * @param reader reads a file as the program does
 */
record FuzzTarget(String name, List<Seed> seeds, Form form, Reader reader) {

  /**
   * A good file.
   *
   * @param file where the program looks for it
   * @param damaged the part of it that is damaged: all of it, where the form is {@link Form#WHOLE}
   */
  record Seed(Path file, byte[] damaged) {}

  /** Puts what was damaged where it belongs in a file. */
  @FunctionalInterface
  interface Form {
    /** The file is what was damaged. */
    Form WHOLE = (damaged, random) -> damaged;

    byte[] file(byte[] damaged, RandomGenerator random);
  }

  /** Reads a file. */
  @FunctionalInterface
  interface Reader {
    /**
     * Reads.
     *
     * @param file good or damaged
     * @throws IOException if it is refused
     */
    void read(Path file) throws IOException;
  }

  @Override
  public String toString() {
    return name;
  }
}

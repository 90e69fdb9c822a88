package org.minillm.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What one run of the command returned and printed. */
record CommandRun(int exitCode, String out, String err) {

  static CommandRun of(String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exitCode = Main.run(new PrintWriter(out), new PrintWriter(err), false, args);
    return new CommandRun(exitCode, out.toString(), err.toString());
  }
}

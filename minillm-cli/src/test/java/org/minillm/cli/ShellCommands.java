package org.minillm.cli;

import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Finds the calls of the command in what a reader is told to type. */
final class ShellCommands {

  private static final Pattern CONTINUATION = Pattern.compile("\\\\\\n\\s*");
  private static final Pattern COMMENT = Pattern.compile("(?m)(^|\\s)#.*$");

  /** The command where a command can stand: first, or after {@code &&}, {@code |} or {@code <(}. */
  private static final Pattern CALL =
      Pattern.compile("(?m)(?:^|&& |\\| |<\\()(?:\\./)?minillm(?:\\.cmd)?(?= |$)([^\\n|&)>]*)");

  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");

  private ShellCommands() {}

  /** The arguments of every call in a block of shell lines. */
  static List<List<String>> of(String lines) {
    String joined = CONTINUATION.matcher(lines).replaceAll(" ");
    return CALL.matcher(COMMENT.matcher(joined).replaceAll(""))
        .results()
        .map(call -> words(call.group(1)))
        .toList();
  }

  /** The lines of a console session that were typed: those behind a dollar. */
  static String typed(String session) {
    return session
        .lines()
        .filter(line -> line.startsWith("$ "))
        .map(line -> line.substring(2) + "\n")
        .reduce("", String::concat);
  }

  private static List<String> words(String arguments) {
    return WORD.matcher(arguments).results().map(ShellCommands::unquoted).toList();
  }

  private static String unquoted(MatchResult word) {
    return word.group(1) != null
        ? word.group(1)
        : word.group(2) != null ? word.group(2) : word.group(3);
  }
}

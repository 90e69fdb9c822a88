package org.minillm.cli;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;

/** The files and folders that a command line names: what a run reads, or writes otherwise. */
final class GivenPaths {

  private GivenPaths() {}

  /** Returns all but that of one option, for whatever is written there must be apart from them. */
  static List<Path> besides(CommandSpec command, String option) {
    return command.args().stream()
        .filter(arg -> !arg.equals(command.findOption(option)))
        .flatMap(GivenPaths::paths)
        .toList();
  }

  private static Stream<Path> paths(ArgSpec arg) {
    Object value = arg.getValue();
    Stream<?> values =
        value instanceof Collection<?> several ? several.stream() : Stream.ofNullable(value);
    return values.filter(Path.class::isInstance).map(Path.class::cast);
  }
}

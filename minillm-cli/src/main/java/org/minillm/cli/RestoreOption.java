package org.minillm.cli;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.pruning.Restoration;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --restore}. */
final class RestoreOption {

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--restore",
      paramLabel = "NAME",
      description =
          "How the columns that stay make up for those that go, with its settings after a colon"
              + " where wanted, such as least-squares:lambda=0.1; or none. Default: for prune"
              + " least-squares:values=0.003,noise=12, for apply what the plan was made with.")
  private @Nullable String name;

  /**
   * Returns the restoration; null for none.
   *
   * @param otherwise the one to take where the user has not chosen
   */
  @Nullable Restoration restoration(String otherwise) {
    try {
      return PruningMethod.unlessNone(Restoration.class, name == null ? otherwise : name, Map.of());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for option '--restore': " + e.getMessage());
    }
  }
}

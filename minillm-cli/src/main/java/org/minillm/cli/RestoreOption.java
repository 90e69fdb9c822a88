package org.minillm.cli;

import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code --restore}. */
final class RestoreOption {

  /** Stands for a plug-in that is left out. */
  static final String NONE = "none";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--restore",
      paramLabel = "NAME",
      description =
          "How the columns that stay make up for those that go, with its settings after a colon"
              + " where wanted, such as least-squares:lambda=0.1; or none. Default: for prune"
              + " least-squares, for apply what the plan was made with.")
  private @Nullable String name;

  /** Returns the restoration; null for none, {@code otherwise} where the user has not chosen. */
  @Nullable Restoration restoration(Supplier<@Nullable Restoration> otherwise) {
    if (name == null) {
      return otherwise.get();
    }
    try {
      return unlessNone(Restoration.class, name, Map.of());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for option '--restore': " + e.getMessage());
    }
  }

  /** Looks a plug-in up that can be left out. */
  static <T extends ConfigurablePlugin<T>> @Nullable T unlessNone(
      Class<T> kind, String text, Map<String, String> offered) {
    return text.equals(NONE) ? null : Plugins.configured(kind, text, offered);
  }
}

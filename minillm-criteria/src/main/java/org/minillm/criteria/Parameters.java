package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Ascii;
import com.google.common.base.Enums;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Sets;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.Longs;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;

/** The parameters of a plug-in, from its own and those that a user wants changed. */
final class Parameters {

  private final Map<String, String> values;

  /**
   * Lays changes over the parameters of a plug-in.
   *
   * @throws IllegalArgumentException if a change has no counterpart; the message lists the names
   */
  Parameters(ConfigurablePlugin<?> plugin, Map<String, String> changes) {
    values = new TreeMap<>(plugin.parameters());
    Set<String> unknown = Sets.difference(changes.keySet(), values.keySet());
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              "%s has no parameter %s; it takes %s",
              plugin.name(), String.join(", ", unknown), String.join(", ", values.keySet())));
    }
    changes.forEach((name, value) -> values.put(name, requireNonNull(value, name)));
  }

  private String text(String name) {
    return requireNonNull(values.get(name), name);
  }

  long whole(String name) {
    return require(name, Longs.tryParse(text(name)), "a whole number of 64 bits");
  }

  int count(String name) {
    long value = whole(name);
    boolean fits = value > 0 && value <= Integer.MAX_VALUE;
    return require(name, fits ? (int) value : null, "a whole number, at least 1");
  }

  double number(String name) {
    return require(name, Doubles.tryParse(text(name)), "a number");
  }

  /** Other plug-ins, in the order of the text. */
  <T extends ConfigurablePlugin<T>> ImmutableList<T> plugins(String name, Class<T> kind) {
    return Plugins.configuredList(kind, text(name));
  }

  /** Another plug-in. */
  <T extends ConfigurablePlugin<T>> T plugin(String name, Class<T> kind) {
    ImmutableList<T> plugins = plugins(name, kind);
    return require(name, plugins.size() == 1 ? plugins.get(0) : null, "one plug-in");
  }

  <E extends Enum<E>> E choice(String name, Class<E> type) {
    return require(
        name,
        Enums.getIfPresent(type, Ascii.toUpperCase(text(name))).orNull(),
        "one of "
            + Arrays.stream(type.getEnumConstants())
                .map(Parameters::id)
                .collect(Collectors.joining(", ")));
  }

  /** The name that plans and the command line use. */
  static String id(Enum<?> constant) {
    return Ascii.toLowerCase(constant.name());
  }

  private <T> T require(String name, @Nullable T parsed, String expected) {
    if (parsed == null) {
      throw new IllegalArgumentException(
          name + " \"" + values.get(name) + "\", expected " + expected);
    }
    return parsed;
  }
}

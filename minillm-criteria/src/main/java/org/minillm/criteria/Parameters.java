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

/**
 * The settings of a plug-in, from its own and those that a user wants changed: for {@link
 * ConfigurablePlugin#with}. What cannot be read is refused by an {@link IllegalArgumentException}
 * that names the setting and what is expected.
 */
public final class Parameters {

  private final Map<String, String> values;

  /**
   * Lays changes over the parameters of a plug-in.
   *
   * @param plugin whose settings count where they are not changed
   * @param changes names and values
   * @throws IllegalArgumentException if a change has no counterpart; the message lists the names
   */
  public Parameters(ConfigurablePlugin<?> plugin, Map<String, String> changes) {
    requireNonNull(plugin, "plugin");
    requireNonNull(changes, "changes");
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

  /**
   * Reads a whole number.
   *
   * @param name of the setting
   * @return of 64 bits
   */
  public long whole(String name) {
    return require(name, Longs.tryParse(text(name)), "a whole number of 64 bits");
  }

  /**
   * Reads a count.
   *
   * @param name of the setting
   * @return at least 1
   */
  public int count(String name) {
    long value = whole(name);
    boolean fits = value > 0 && value <= Integer.MAX_VALUE;
    return require(name, fits ? (int) value : null, "a whole number, at least 1");
  }

  /**
   * Reads a number.
   *
   * @param name of the setting
   * @return any, also one that is not finite
   */
  public double number(String name) {
    return require(name, Doubles.tryParse(text(name)), "a number");
  }

  /**
   * Reads plug-ins.
   *
   * @param name of the setting
   * @param kind of the plug-ins
   * @param <T> the kind
   * @return in the order of the text
   */
  public <T extends ConfigurablePlugin<T>> ImmutableList<T> plugins(String name, Class<T> kind) {
    return Plugins.configuredList(kind, text(name));
  }

  /**
   * Reads a plug-in.
   *
   * @param name of the setting
   * @param kind of the plug-in
   * @param <T> the kind
   * @return the one plug-in
   */
  public <T extends ConfigurablePlugin<T>> T plugin(String name, Class<T> kind) {
    ImmutableList<T> plugins = plugins(name, kind);
    return require(name, plugins.size() == 1 ? plugins.get(0) : null, "one plug-in");
  }

  /**
   * Reads one of a few.
   *
   * @param name of the setting
   * @param type has the constants
   * @param <E> the type
   * @return the constant, whose name is written in small letters
   */
  public <E extends Enum<E>> E choice(String name, Class<E> type) {
    return require(
        name,
        Enums.getIfPresent(type, Ascii.toUpperCase(text(name))).orNull(),
        "one of "
            + Arrays.stream(type.getEnumConstants())
                .map(Parameters::id)
                .collect(Collectors.joining(", ")));
  }

  /**
   * Spells one of a few.
   *
   * @param constant one of them
   * @return the name that plans and the command line use
   */
  public static String id(Enum<?> constant) {
    requireNonNull(constant, "constant");
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

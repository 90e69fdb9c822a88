package org.minillm.core.plugin;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A plug-in as text: its name, and after a colon its settings, such as {@code
 * spsa:data=all,probes=4}. A setting that is itself a plug-in with settings stands in parentheses,
 * and several are joined by {@code *}: {@code search:among=uniform*(trapezoid:first=0.2,last=0.1)}.
 *
 * @param name of the plug-in
 * @param settings names and values, as {@link ConfigurablePlugin#with} takes them
 */
public record PluginSpec(String name, ImmutableSortedMap<String, String> settings) {

  // Refuses nulls.
  public PluginSpec {
    requireNonNull(name, "name");
    requireNonNull(settings, "settings");
  }

  /**
   * Reads a plug-in's text.
   *
   * @param text as {@link #toString} writes it, with or without parentheses around it
   * @return what it says; whether there is such a plug-in is not looked up
   * @throws IllegalArgumentException if it is not of that form; the message says where
   */
  public static PluginSpec parse(String text) {
    requireNonNull(text, "text");
    String bare = withoutParentheses(text);
    int colon = bare.indexOf(':');
    return colon < 0
        ? new PluginSpec(bare, ImmutableSortedMap.of())
        : new PluginSpec(bare.substring(0, colon), settings(text, bare.substring(colon + 1)));
  }

  /**
   * Reads several, joined by {@code *}.
   *
   * @param text as {@link #join} writes it
   * @return in their order; none of an empty text
   * @throws IllegalArgumentException if it is not of that form; the message says where
   */
  public static ImmutableList<PluginSpec> parseList(String text) {
    requireNonNull(text, "text");
    // earlier releases had no parentheses, and a semicolon between the settings
    String current = text.contains("(") ? text : text.replace(';', ',');
    return split(current, "*").stream()
        .filter(item -> !item.isEmpty())
        .map(PluginSpec::parse)
        .collect(toImmutableList());
  }

  /**
   * Describes a plug-in.
   *
   * @param plugin the plug-in
   * @return its name, and all its settings
   */
  public static PluginSpec of(ConfigurablePlugin<?> plugin) {
    requireNonNull(plugin, "plugin");
    return new PluginSpec(plugin.name(), ImmutableSortedMap.copyOf(plugin.parameters()));
  }

  /**
   * Writes plug-ins as a setting of another.
   *
   * @param plugins in their order
   * @return joined by {@code *}, those with settings in parentheses
   */
  public static String join(List<? extends ConfigurablePlugin<?>> plugins) {
    requireNonNull(plugins, "plugins");
    return plugins.stream()
        .map(PluginSpec::of)
        .map(spec -> spec.settings.isEmpty() ? spec.name : "(" + spec + ")")
        .collect(Collectors.joining("*"));
  }

  /**
   * Takes a text at some characters apart, where they stand outside of parentheses.
   *
   * @param text any text
   * @param separators the characters
   * @return the parts without the separators; one more than there are of these
   * @throws IllegalArgumentException if a parenthesis has no counterpart
   */
  public static ImmutableList<String> split(String text, String separators) {
    requireNonNull(text, "text");
    requireNonNull(separators, "separators");
    List<String> parts = new ArrayList<>();
    int depth = 0;
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char character = text.charAt(i);
      depth += character == '(' ? 1 : character == ')' ? -1 : 0;
      checkArgument(depth >= 0, "\"%s\": \")\" at %s closes nothing", text, i + 1);
      if (depth == 0 && separators.indexOf(character) >= 0) {
        parts.add(text.substring(from, i));
        from = i + 1;
      }
    }
    checkArgument(depth == 0, "\"%s\": \"(\" is not closed", text);
    parts.add(text.substring(from));
    return ImmutableList.copyOf(parts);
  }

  /** Takes the pair off that stands around all of a text. */
  private static String withoutParentheses(String text) {
    if (!text.startsWith("(") || !text.endsWith(")")) {
      return text;
    }
    String inner = text.substring(1, text.length() - 1);
    int depth = 0;
    for (int i = 0; i < inner.length() && depth >= 0; i++) {
      depth += inner.charAt(i) == '(' ? 1 : inner.charAt(i) == ')' ? -1 : 0;
    }
    return depth == 0 ? inner : text;
  }

  private static ImmutableSortedMap<String, String> settings(String text, String list) {
    Map<String, String> settings = new TreeMap<>();
    for (String pair : split(list, ",")) {
      int equals = pair.indexOf('=');
      checkArgument(
          equals > 0 && equals < pair.length() - 1,
          "\"%s\": found \"%s\", expected parameter=value",
          text,
          pair);
      String name = pair.substring(0, equals);
      checkArgument(
          settings.put(name, pair.substring(equals + 1)) == null,
          "\"%s\": parameter %s is given twice",
          text,
          name);
    }
    return ImmutableSortedMap.copyOf(settings);
  }

  /** Returns the text that {@link #parse} reads. */
  @Override
  public String toString() {
    return settings.isEmpty()
        ? name
        : settings.entrySet().stream()
            .map(setting -> setting.getKey() + "=" + setting.getValue())
            .collect(Collectors.joining(",", name + ":", ""));
  }
}

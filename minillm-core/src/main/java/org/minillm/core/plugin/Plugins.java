package org.minillm.core.plugin;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Ascii;
import com.google.common.base.CaseFormat;
import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;

/**
 * Finds plug-ins by their stable names among those that {@link ServiceLoader} sees on the class
 * path. An unknown name is an {@link IllegalArgumentException} that lists the known ones; a name
 * that two classes claim is an {@link IllegalStateException} that names both.
 */
public final class Plugins {

  private Plugins() {}

  /**
   * Finds a plug-in.
   *
   * @param kind the interface
   * @param name the plug-in's name
   * @param <T> the interface
   * @return the plug-in
   */
  public static <T extends Plugin> T named(Class<T> kind, String name) {
    Map<String, T> byName = byName(ServiceLoader.load(kind));
    T found = byName.get(name);
    if (found == null) {
      throw new IllegalArgumentException(
          String.format(
              "no %s \"%s\"; there is %s; add the module that provides it to the class path",
              words(kind), name, byName.isEmpty() ? "none" : String.join(", ", byName.keySet())));
    }
    return found;
  }

  /**
   * Finds a plug-in and configures it.
   *
   * @param kind the interface
   * @param spec its name, and after a colon its parameters where they differ from the defaults:
   *     {@code fms}, {@code fms:aggregation=max}, {@code name:one=1,two=2}
   * @param <T> the interface
   * @return the configured plug-in
   */
  public static <T extends ConfigurablePlugin<T>> T configured(Class<T> kind, String spec) {
    return configured(kind, spec, Map.of());
  }

  /**
   * Finds a plug-in and configures it, in a setting that has parameters of its own.
   *
   * @param kind the interface
   * @param spec its name, and after a colon its parameters; these win
   * @param offered parameters that the plug-in is given where it has them
   * @param <T> the interface
   * @return the configured plug-in
   */
  public static <T extends ConfigurablePlugin<T>> T configured(
      Class<T> kind, String spec, Map<String, String> offered) {
    List<String> parts = Splitter.on(':').limit(2).splitToList(spec);
    T plugin = named(kind, parts.get(0));
    Map<String, String> parameters =
        new LinkedHashMap<>(Maps.filterKeys(offered, plugin.parameters()::containsKey));
    if (parts.size() > 1) {
      parameters.putAll(parameters(spec, parts.get(1)));
    }
    return parameters.isEmpty() ? plugin : plugin.with(parameters);
  }

  /** All plug-ins of a kind are checked for duplicates, not only the one that is wanted. */
  static <T extends Plugin> ImmutableSortedMap<String, T> byName(Iterable<T> plugins) {
    Map<String, T> byName = new TreeMap<>();
    for (T plugin : plugins) {
      T other = byName.putIfAbsent(plugin.name(), plugin);
      if (other != null) {
        throw new IllegalStateException(
            String.format(
                "\"%s\" is provided by both %s and %s; take one of them off the class path",
                plugin.name(), other.getClass().getName(), plugin.getClass().getName()));
      }
    }
    return ImmutableSortedMap.copyOf(byName);
  }

  /** ImportanceCriterion becomes "importance criterion". */
  private static String words(Class<?> kind) {
    return Ascii.toLowerCase(
        CaseFormat.UPPER_CAMEL
            .to(CaseFormat.LOWER_UNDERSCORE, kind.getSimpleName())
            .replace('_', ' '));
  }

  private static Map<String, String> parameters(String spec, String list) {
    Map<String, String> parameters = new LinkedHashMap<>();
    for (String pair : Splitter.on(',').split(list)) {
      List<String> sides = Splitter.on('=').limit(2).splitToList(pair);
      checkArgument(
          sides.size() == 2 && !sides.get(0).isEmpty() && !sides.get(1).isEmpty(),
          "\"%s\": found \"%s\", expected parameter=value",
          spec,
          pair);
      checkArgument(
          parameters.put(sides.get(0), sides.get(1)) == null,
          "\"%s\": parameter %s is given twice",
          spec,
          sides.get(0));
    }
    return parameters;
  }
}

package org.minillm.core.plugin;

import com.google.common.base.Ascii;
import com.google.common.base.CaseFormat;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
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
    return configured(named(kind, PluginSpec.parse(spec).name()), spec, offered);
  }

  /**
   * Configures a plug-in that was found already.
   *
   * @param plugin the plug-in, with the settings that count where none are given
   * @param spec its name, and after a colon its parameters; these win
   * @param offered parameters that the plug-in is given where it has them
   * @param <T> the interface
   * @return the configured plug-in
   */
  public static <T extends ConfigurablePlugin<T>> T configured(
      T plugin, String spec, Map<String, String> offered) {
    T offeredTo = offered(plugin, offered);
    Map<String, String> given = PluginSpec.parse(spec).settings();
    return given.isEmpty() ? offeredTo : offeredTo.with(given);
  }

  /**
   * Configures a plug-in with those settings that it has.
   *
   * @param plugin the plug-in
   * @param offered parameters, of which it may know some
   * @param <T> the interface
   * @return the configured plug-in; itself where it knows none
   */
  public static <T extends ConfigurablePlugin<T>> T offered(T plugin, Map<String, String> offered) {
    Map<String, String> known = Maps.filterKeys(offered, plugin.parameters()::containsKey);
    return known.isEmpty() ? plugin : plugin.with(known);
  }

  /**
   * Finds and configures the plug-ins that are a setting of another.
   *
   * @param kind the interface
   * @param specs as {@link PluginSpec#join} writes them
   * @param <T> the interface
   * @return the configured plug-ins, in their order
   */
  public static <T extends ConfigurablePlugin<T>> ImmutableList<T> configuredList(
      Class<T> kind, String specs) {
    return PluginSpec.parseList(specs).stream()
        .map(spec -> configured(kind, spec.toString(), Map.of()))
        .collect(ImmutableList.toImmutableList());
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
}

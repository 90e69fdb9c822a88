package org.minillm.core.plugin;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.base.Ascii;
import com.google.common.base.CaseFormat;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;

/**
 * Finds plug-ins by their stable names among those that {@link ServiceLoader} sees on the class
 * path. An unknown name is an {@link IllegalArgumentException} that lists the known ones; a name
 * that two classes claim, or a plug-in that cannot be loaded, is an {@link IllegalStateException}
 * that names them.
 *
 * <p>In an application of several class loaders they are looked for where the calling thread looks
 * (its context class loader) and where the interface comes from: on a thread of a pool the first
 * may see nothing. Of two classes of one full name that of the context class loader is taken.
 */
public final class Plugins {

  private Plugins() {}

  /**
   * Finds all plug-ins of a kind.
   *
   * @param kind the interface
   * @param <T> the interface
   * @return by name
   */
  public static <T extends Plugin> ImmutableSortedMap<String, T> all(Class<T> kind) {
    requireNonNull(kind, "kind");
    Map<String, T> byClass = new LinkedHashMap<>();
    for (ClassLoader loader : loaders(kind)) {
      load(kind, loader)
          .forEach(plugin -> byClass.putIfAbsent(plugin.getClass().getName(), plugin));
    }
    return byName(byClass.values());
  }

  private static Set<ClassLoader> loaders(Class<?> kind) {
    Set<ClassLoader> loaders = new LinkedHashSet<>();
    ClassLoader ofThread = Thread.currentThread().getContextClassLoader();
    // one that sees another copy of the interface, or none, lists what is none of this kind
    if (ofThread != null && sees(ofThread, kind)) {
      loaders.add(ofThread);
    }
    loaders.add(kind.getClassLoader());
    return loaders;
  }

  private static boolean sees(ClassLoader loader, Class<?> kind) {
    try {
      return loader.loadClass(kind.getName()) == kind;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }

  private static <T extends Plugin> List<T> load(Class<T> kind, ClassLoader loader) {
    try {
      return ImmutableList.copyOf(ServiceLoader.load(kind, loader));
    } catch (ServiceConfigurationError | LinkageError e) {
      throw new IllegalStateException(
          String.format(
              "no %s can be looked up: %s; mend that plug-in or take it off the class path",
              words(kind), problem(e, kind)),
          e);
    }
  }

  /** The message names the provider, its cause says why. */
  private static String problem(Error error, Class<?> kind) {
    String provider = String.valueOf(error.getMessage()).replace(kind.getName() + ": ", "");
    Throwable cause = error.getCause();
    if (cause == null) {
      return provider;
    }
    String why = cause.getMessage();
    return provider + ": " + (why == null ? cause.getClass().getSimpleName() : why);
  }

  /**
   * Finds a plug-in.
   *
   * @param kind the interface
   * @param name the plug-in's name
   * @param <T> the interface
   * @return the plug-in
   */
  public static <T extends Plugin> T named(Class<T> kind, String name) {
    requireNonNull(kind, "kind");
    requireNonNull(name, "name");
    Map<String, T> byName = all(kind);
    T found = byName.get(name);
    if (found == null) {
      found =
          byName.values().stream()
              .filter(plugin -> plugin.formerNames().contains(name))
              .findFirst()
              .orElse(null);
    }
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
    requireNonNull(kind, "kind");
    requireNonNull(spec, "spec");
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
    requireNonNull(kind, "kind");
    requireNonNull(spec, "spec");
    requireNonNull(offered, "offered");
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
    requireNonNull(plugin, "plugin");
    requireNonNull(spec, "spec");
    requireNonNull(offered, "offered");
    T offeredTo = offered(plugin, offered);
    Map<String, String> given = present(plugin, PluginSpec.parse(spec).settings());
    return given.isEmpty() ? offeredTo : offeredTo.with(given);
  }

  /** Spells settings as they are spelled today. */
  private static Map<String, String> present(
      ConfigurablePlugin<?> plugin, Map<String, String> given) {
    Map<String, String> former = plugin.formerParameters();
    Map<String, String> present = new TreeMap<>();
    given.forEach(
        (name, value) -> {
          String today = former.getOrDefault(name, name);
          checkArgument(
              present.put(today, value) == null,
              "%s: %s is given twice, under its name and as it was called before",
              plugin.name(),
              today);
        });
    return present;
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
    requireNonNull(plugin, "plugin");
    requireNonNull(offered, "offered");
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
    requireNonNull(kind, "kind");
    requireNonNull(specs, "specs");
    return PluginSpec.parseList(specs).stream()
        .map(spec -> configured(kind, spec.toString(), Map.of()))
        .collect(ImmutableList.toImmutableList());
  }

  /** All plug-ins of a kind are checked for duplicates, not only the one that is wanted. */
  static <T extends Plugin> ImmutableSortedMap<String, T> byName(Iterable<T> plugins) {
    Map<String, T> byName = new TreeMap<>();
    for (T plugin : plugins) {
      checkState(plugin.name() != null, "%s: its name() is null", plugin.getClass().getName());
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

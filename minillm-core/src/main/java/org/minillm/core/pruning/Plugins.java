package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Splitter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Function;
import org.minillm.core.calibration.GradientEstimator;
import org.minillm.core.model.Architecture;

/**
 * Finds plug-ins by their stable names among those that {@link ServiceLoader} sees on the class
 * path. An unknown name is an {@link IllegalArgumentException} that lists the known ones; a name
 * that two classes claim is an {@link IllegalStateException} that names both.
 */
public final class Plugins {

  private Plugins() {}

  /**
   * Finds a criterion and configures it.
   *
   * @param spec its name, and after a colon its parameters where they differ from the defaults:
   *     {@code fms}, {@code fms:aggregation=max}, {@code name:one=1,two=2}
   * @return the configured criterion
   */
  public static ImportanceCriterion criterion(String spec) {
    List<String> parts = Splitter.on(':').limit(2).splitToList(spec);
    ImportanceCriterion criterion =
        find(
            "criterion",
            ServiceLoader.load(ImportanceCriterion.class),
            ImportanceCriterion::name,
            parts.get(0));
    return parts.size() == 1 ? criterion : criterion.with(parameters(spec, parts.get(1)));
  }

  /**
   * Finds a score backend.
   *
   * @param name for example {@code java}
   * @return the backend
   */
  public static ScoreBackend scoreBackend(String name) {
    return find("score backend", ServiceLoader.load(ScoreBackend.class), ScoreBackend::name, name);
  }

  /**
   * Finds a gradient estimator.
   *
   * @param name for example {@code spsa}
   * @return the estimator
   */
  public static GradientEstimator gradientEstimator(String name) {
    return find(
        "gradient estimator",
        ServiceLoader.load(GradientEstimator.class),
        GradientEstimator::name,
        name);
  }

  /**
   * Finds an architecture.
   *
   * @param modelType {@code model_type} of config.json, for example {@code llama}
   * @return the architecture
   */
  public static Architecture architecture(String modelType) {
    return find(
        "architecture", ServiceLoader.load(Architecture.class), Architecture::modelType, modelType);
  }

  /** Picks one of several plug-ins of a kind; all of them are checked for duplicates. */
  static <T> T find(String kind, Iterable<T> plugins, Function<T, String> nameOf, String wanted) {
    Map<String, T> byName = new TreeMap<>();
    for (T plugin : plugins) {
      T other = byName.putIfAbsent(nameOf.apply(plugin), plugin);
      if (other != null) {
        throw new IllegalStateException(
            String.format(
                "%s \"%s\" is provided by both %s and %s; take one of them off the class path",
                kind,
                nameOf.apply(plugin),
                other.getClass().getName(),
                plugin.getClass().getName()));
      }
    }
    T found = byName.get(wanted);
    if (found == null) {
      throw new IllegalArgumentException(
          String.format(
              "no %s \"%s\"; there is %s; add the module that provides it to the class path",
              kind, wanted, byName.isEmpty() ? "none" : String.join(", ", byName.keySet())));
    }
    return found;
  }

  private static Map<String, String> parameters(String spec, String list) {
    Map<String, String> parameters = new LinkedHashMap<>();
    for (String pair : Splitter.on(',').split(list)) {
      List<String> sides = Splitter.on('=').limit(2).splitToList(pair);
      checkArgument(
          sides.size() == 2 && !sides.get(0).isEmpty() && !sides.get(1).isEmpty(),
          "criterion \"%s\": found \"%s\", expected parameter=value",
          spec,
          pair);
      checkArgument(
          parameters.put(sides.get(0), sides.get(1)) == null,
          "criterion \"%s\": parameter %s is given twice",
          spec,
          sides.get(0));
    }
    return parameters;
  }
}

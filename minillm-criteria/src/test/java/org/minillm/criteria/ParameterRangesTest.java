package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.primitives.Doubles;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;

/** Every parameter that is a number has a range, but for seeds. */
class ParameterRangesTest {

  private static final List<String> HOSTILE =
      List.of("NaN", "-1", "Infinity", "1e400", "-Infinity", "", "1x", "[2]");

  private static Stream<ConfigurablePlugin<?>> plugins() {
    return Stream.of(
            ImportanceCriterion.class, Allocation.class, Restoration.class, GradientEstimator.class)
        .flatMap(kind -> Plugins.all(kind).values().stream())
        .map(plugin -> (ConfigurablePlugin<?>) plugin);
  }

  private static Stream<Arguments> changes() {
    return plugins()
        .flatMap(
            plugin ->
                plugin.parameters().entrySet().stream()
                    .filter(parameter -> !parameter.getKey().equals("seed"))
                    .filter(parameter -> Doubles.tryParse(parameter.getValue()) != null)
                    .flatMap(
                        parameter ->
                            HOSTILE.stream()
                                .map(value -> Arguments.of(plugin, parameter.getKey(), value))));
  }

  @ParameterizedTest
  @MethodSource("changes")
  void numberOutOfItsRangeIsRefusedByName(ConfigurablePlugin<?> plugin, String name, String value) {
    assertThatThrownBy(() -> plugin.with(Map.of(name, value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(name);
  }

  @ParameterizedTest
  @CsvSource({"spsa, probes", "gates, pairs"})
  void moreProbesThanAnybodyWaitsForAreRefused(String estimator, String name) {
    GradientEstimator plugin = Plugins.named(GradientEstimator.class, estimator);
    assertThatThrownBy(() -> plugin.with(Map.of(name, "2147483647")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("to 1000000");
  }
}

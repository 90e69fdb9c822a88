package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.cut.Export;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.models.testing.Passes;

/** A pass does as many steps as it announced; ResumeTest has the runs that were interrupted. */
class PassStepsTest {

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          magnitude  |          |                                        | uniform     | cut    | score write
          obs        |          |                                        | global      | cut    | score write
          fms        | spsa     |                                        | uniform     | masked | spsa score write
          gate       | gates    | bias                                   | trapezoid   | masked | gates score restore write
          gate       | backprop |                                        | uniform     | cut    | backprop score write
          wanda      |          | least-squares:inputs=dense,target=own  | sensitivity | cut    | score losses restore write
          obs        |          | least-squares:value-ridge=0.003,noise=12    | uniform     | cut    | score restore write
          """)
  void everyPassDoesWhatItAnnounced(
      String criterion,
      String gradient,
      String restoration,
      String allocation,
      String export,
      String passes)
      throws IOException {
    // GIVEN
    ExactSteps steps = new ExactSteps();
    StructuredPruner pruner =
        StructuredPruner.builder(
                plugin(ImportanceCriterion.class, criterion),
                PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS))
            .gradientEstimator(gradient == null ? null : plugin(GradientEstimator.class, gradient))
            .restoration(restoration == null ? null : plugin(Restoration.class, restoration))
            .allocation(plugin(Allocation.class, allocation))
            .export(plugin(Export.class, export))
            .listener(steps)
            .build();

    // WHEN
    try (CausalLm model = CausalLm.open(TestModels.folder("llama-gqa-bias", temp))) {
      CalibrationSet data = Passes.windows(model);
      pruner.apply(model, pruner.plan(model, data), data, temp.resolve("target"));
    }

    // THEN each pass was held to its word, and these are all
    assertThat(steps.passes).isEqualTo(List.of(passes.split(" ")));
  }

  private static <T extends ConfigurablePlugin<T>> T plugin(Class<T> kind, String words) {
    return Plugins.configured(kind, words, Map.of());
  }
}

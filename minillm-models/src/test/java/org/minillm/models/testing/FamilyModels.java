package org.minillm.models.testing;

import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.provider.Arguments;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.criteria.Magnitude;

/** The models of a contract test, and the plans that they are cut by. */
interface FamilyModels {

  ImmutableList<GroupKind> KINDS = ImmutableList.copyOf(GroupKind.values());

  /** Name to Hugging Face folder. */
  Map<String, Path> modelFolders() throws IOException;

  /** For {@code @MethodSource}. */
  default Stream<Named<Path>> models() throws IOException {
    return modelFolders().entrySet().stream().map(it -> Named.of(it.getKey(), it.getValue()));
  }

  /** For {@code @MethodSource}. */
  default Stream<Arguments> modelsAndPlans() throws IOException {
    List<Arguments> all = new ArrayList<>();
    for (Named<Path> folder : models().toList()) {
      try (CausalLm model = CausalLm.open(folder.getPayload())) {
        Plans.of(model).keySet().forEach(plan -> all.add(arguments(folder, plan)));
      }
    }
    return all.stream();
  }

  static void cut(CausalLm model, PruningPlan plan, Path target) throws IOException {
    // a pruner is made with a criterion and a target; cutting a given plan asks for neither
    StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.5, GroupKind.MLP_CHANNELS))
        .build()
        .apply(model, plan, null, target);
  }
}

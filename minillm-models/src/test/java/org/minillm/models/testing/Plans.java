package org.minillm.models.testing;

import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.tensor.CounterRng;

/** Plans of every kind for one model. Which units stay is random, so that no two layers agree. */
final class Plans {

  private static final long SEED = 11;

  private Plans() {}

  /** Plans by what they do; those that would remove nothing of this model are left out. */
  static ImmutableMap<String, PruningPlan> of(CausalLm model) throws IOException {
    int last = model.config().layers().size() - 1;
    Map<String, ToIntFunction<PruningGroup>> counts = new LinkedHashMap<>();
    counts.put(
        "uniform channels", group -> is(group, MLP_CHANNELS) ? twoThirds(group) : all(group));
    counts.put(
        "uniform heads", group -> is(group, ATTENTION_HEADS) ? twoThirds(group) : all(group));
    counts.put("both kinds", Plans::twoThirds);
    counts.put("uneven layers", group -> Math.max(1, group.units() - 1 - 3 * layer(group)));
    counts.put("first layer only", group -> layer(group) == 0 ? twoThirds(group) : all(group));
    counts.put("last layer only", group -> layer(group) == last ? twoThirds(group) : all(group));
    counts.put(
        "one head left in one layer",
        group -> is(group, ATTENTION_HEADS) && layer(group) == last ? 1 : all(group));
    counts.put("one unit left everywhere", group -> 1);
    counts.put("random counts", Plans::random);
    ImmutableMap.Builder<String, PruningPlan> plans = ImmutableMap.builder();
    for (Map.Entry<String, ToIntFunction<PruningGroup>> entry : counts.entrySet()) {
      PruningPlan plan = plan(model, entry.getValue());
      if (plan.groups().values().stream().anyMatch(kept -> kept.kept().length() < kept.units())) {
        plans.put(entry.getKey(), plan);
      }
    }
    return plans.buildOrThrow();
  }

  static PruningPlan plan(CausalLm model, ToIntFunction<PruningGroup> unitsToKeep)
      throws IOException {
    Map<GroupId, PruningPlan.KeptUnits> kept = new TreeMap<>();
    for (PruningGroup group : model.groups(Arrays.asList(GroupKind.values()))) {
      kept.put(
          group.id(),
          new PruningPlan.KeptUnits(group.units(), choose(group, unitsToKeep.applyAsInt(group))));
    }
    return new PruningPlan(
        ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples()),
        kept,
        Map.of("made_by", "contract"));
  }

  private static ImmutableIntArray choose(PruningGroup group, int count) {
    long stream = CounterRng.stream(group.id().toString());
    return ImmutableIntArray.copyOf(
        IntStream.range(0, group.units())
            .boxed()
            .sorted(Comparator.comparing(unit -> CounterRng.uniform(SEED, stream, unit)))
            .limit(count)
            .mapToInt(Integer::intValue)
            .sorted());
  }

  /** The plan that does at once what two plans do one after the other. */
  static PruningPlan composed(PruningPlan first, PruningPlan second) {
    PruningPlan plan = first;
    for (GroupId id : first.groups().keySet()) {
      ImmutableIntArray outer = first.groups().get(id).kept();
      ImmutableIntArray inner = second.kept(id, outer.length());
      plan = plan.withKept(id, ImmutableIntArray.copyOf(inner.stream().map(outer::get)));
    }
    return plan;
  }

  static int twoThirds(PruningGroup group) {
    return Math.max(1, group.units() * 2 / 3);
  }

  private static int all(PruningGroup group) {
    return group.units();
  }

  private static int random(PruningGroup group) {
    double uniform = CounterRng.uniform(SEED, group.id().kind().ordinal(), layer(group));
    return 1 + (int) (uniform * group.units());
  }

  private static boolean is(PruningGroup group, GroupKind kind) {
    return group.id().kind() == kind;
  }

  private static int layer(PruningGroup group) {
    return group.id().layer();
  }
}

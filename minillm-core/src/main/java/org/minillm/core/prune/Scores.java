package org.minillm.core.prune;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Multimaps;
import com.google.common.collect.Streams;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.EvidencePass;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UnitSelection;
import org.minillm.core.runtime.CausalLm;

/** Scores of all groups: to choose units within them, and to compare the groups. */
final class Scores implements EvidencePass.LayerVisitor {

  private static final String SCORED = "scored";
  private static final String COMPARED = "compared";

  private final CausalLm model;
  private final ImmutableListMultimap<Integer, PruningGroup> byLayer;
  private final Function<GroupKind, ImportanceCriterion> choosing;
  private final Function<GroupKind, ImportanceCriterion> comparing;
  private final List<ScoredGroup> scored = new ArrayList<>();
  private final List<ScoredGroup> compared = new ArrayList<>();

  /**
   * Begins.
   *
   * @param model the model
   * @param kinds of groups to score
   * @param choosing scores the units within a group
   * @param comparing scores them where groups are compared
   */
  Scores(
      CausalLm model,
      Collection<GroupKind> kinds,
      Function<GroupKind, ImportanceCriterion> choosing,
      Function<GroupKind, ImportanceCriterion> comparing) {
    this.model = model;
    this.byLayer = Multimaps.index(model.groups(kinds), group -> group.id().layer());
    this.choosing = choosing;
    this.comparing = comparing;
  }

  /** Returns the scores by which units are chosen within a group. */
  List<ScoredGroup> choosing() {
    return scored;
  }

  /** Returns the scores by which groups are compared. */
  List<ScoredGroup> comparing() {
    return compared;
  }

  @Override
  public void visit(int layer, BlockEvidence evidence) throws IOException {
    for (PruningGroup group : byLayer.get(layer)) {
      ImportanceCriterion own = choosing.apply(group.id().kind());
      ImportanceCriterion other = comparing.apply(group.id().kind());
      ScoredGroup result = score(group, own, evidence);
      scored.add(result);
      compared.add(other.equals(own) ? result : score(group, other, evidence));
    }
  }

  private ScoredGroup score(
      PruningGroup group, ImportanceCriterion criterion, BlockEvidence evidence)
      throws IOException {
    double[] scores = criterion.score(group, evidence);
    checkState(
        scores != null && scores.length == group.units(),
        "criterion %s: %s scores of %s, expected %s, one a unit",
        criterion.name(),
        scores == null ? "no" : scores.length,
        group.id(),
        group.units());
    ScoredGroup scored = scored(group, ImmutableDoubleArray.copyOf(scores));
    UnitSelection.requireFinite("criterion " + criterion.name() + ": ", scored);
    return scored;
  }

  private ScoredGroup scored(PruningGroup group, ImmutableDoubleArray scores) {
    return new ScoredGroup(group.id(), group.weightsPerUnit(model::elements), scores);
  }

  @Override
  public JsonElement toJson() {
    JsonObject json = new JsonObject();
    json.add(SCORED, json(scored));
    json.add(COMPARED, json(compared));
    return json;
  }

  private static JsonArray json(List<ScoredGroup> groups) {
    JsonArray json = new JsonArray();
    for (ScoredGroup group : groups) {
      JsonArray scores = new JsonArray();
      group.scores().forEach(scores::add);
      json.add(scores);
    }
    return json;
  }

  @Override
  public void resume(int layers, JsonNode json) {
    List<PruningGroup> done =
        IntStream.range(0, layers).boxed().flatMap(layer -> byLayer.get(layer).stream()).toList();
    List<ScoredGroup> earlier = groups(done, json.get(SCORED));
    compared.addAll(groups(done, json.get(COMPARED)));
    scored.addAll(earlier);
  }

  private List<ScoredGroup> groups(List<PruningGroup> done, JsonNode json) {
    List<JsonNode> scores = json.items();
    if (scores.size() != done.size()) {
      throw json.refuse(scores.size() + " groups, expected " + done.size());
    }
    return Streams.zip(
            done.stream(), scores.stream(), (group, of) -> scored(group, of.numbers(group.units())))
        .toList();
  }
}

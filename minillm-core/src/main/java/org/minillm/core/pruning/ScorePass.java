package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Multimaps;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.minillm.core.calibration.BlockEvidence;
import org.minillm.core.calibration.CalibrationEvidence;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PruningGroup;

/** Scores all groups: to choose units within them, and to compare the groups. */
final class ScorePass implements CalibrationEvidence.LayerVisitor {

  private static final String SCORED = "scored";
  private static final String COMPARED = "compared";
  private static final String SCORES = "scores";

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
  ScorePass(
      CausalLm model,
      Collection<GroupKind> kinds,
      Function<GroupKind, ImportanceCriterion> choosing,
      Function<GroupKind, ImportanceCriterion> comparing) {
    this.model = model;
    this.byLayer = Multimaps.index(model.groups(kinds), group -> group.id().layer());
    this.choosing = choosing;
    this.comparing = comparing;
  }

  List<ScoredGroup> scored() {
    return scored;
  }

  List<ScoredGroup> compared() {
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
    ScoredGroup scored =
        new ScoredGroup(
            group.id(), group.weightsPerUnit(model::elements), ImmutableDoubleArray.copyOf(scores));
    UnitSelection.requireFinite("criterion " + criterion.name() + ": ", scored);
    return scored;
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
      JsonObject entry = new JsonObject();
      entry.addProperty("layer", group.id().layer());
      entry.addProperty("kind", group.id().kind().name());
      entry.addProperty("weights_per_unit", group.weightsPerUnit());
      entry.add(SCORES, scores);
      json.add(entry);
    }
    return json;
  }

  @Override
  public void resume(JsonElement json) {
    groups(json.getAsJsonObject().getAsJsonArray(SCORED), scored);
    groups(json.getAsJsonObject().getAsJsonArray(COMPARED), compared);
  }

  private static void groups(JsonArray json, List<ScoredGroup> groups) {
    for (JsonElement each : json) {
      JsonObject entry = each.getAsJsonObject();
      ImmutableDoubleArray.Builder scores = ImmutableDoubleArray.builder();
      entry.getAsJsonArray(SCORES).forEach(score -> scores.add(score.getAsDouble()));
      groups.add(
          new ScoredGroup(
              new GroupId(
                  entry.get("layer").getAsInt(),
                  GroupKind.valueOf(entry.get("kind").getAsString())),
              entry.get("weights_per_unit").getAsLong(),
              scores.build()));
    }
  }
}

package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.TargetFile;

/**
 * Which units of which groups of one model stay. A checkpoint and a plan together are a pruned
 * model. An immutable value: written as JSON that can be read, compared, edited by hand and
 * replayed; equal plans are equal bytes.
 *
 * @param model the model that it was made for
 * @param groups the units that stay; a group that is absent is kept whole
 * @param provenance how it was made (criterion, seed, calibration, …), names and values; nothing
 *     that differs between two runs with the same inputs
 */
public record PruningPlan(
    ModelFingerprint model,
    ImmutableSortedMap<GroupId, KeptUnits> groups,
    ImmutableSortedMap<String, String> provenance) {

  /**
   * The units of one group that stay.
   *
   * @param units how many units the group has before the cut
   * @param kept the numbers of those that stay: ascending, distinct, in 0 to units - 1, at least
   *     one
   */
  public record KeptUnits(int units, ImmutableIntArray kept) {

    // Checks the unit numbers; the caller adds which group it is.
    public KeptUnits {
      requireNonNull(kept, "kept");
      checkArgument(!kept.isEmpty(), "keeps none of %s units, expected at least one", units);
      int last = -1;
      for (int unit : kept.asList()) {
        checkArgument(unit >= 0 && unit < units, "kept unit %s, expected 0 to %s", unit, units - 1);
        checkArgument(unit != last, "kept unit %s is listed twice", unit);
        checkArgument(unit > last, "kept unit %s after %s, expected ascending numbers", unit, last);
        last = unit;
      }
    }
  }

  // Checks every group against the model; natural order makes the bytes of equal plans equal.
  public PruningPlan {
    requireNonNull(model, "model");
    requireNonNull(groups, "groups");
    requireNonNull(provenance, "provenance");
    groups = ImmutableSortedMap.copyOf(groups);
    provenance = ImmutableSortedMap.copyOf(provenance);
    for (Map.Entry<GroupId, KeptUnits> group : groups.entrySet()) {
      int units = units(model, group.getKey());
      checkArgument(
          group.getValue().units() == units,
          "%s: %s units, expected %s as the plan's model has",
          group.getKey(),
          group.getValue().units(),
          units);
    }
  }

  /**
   * Makes a plan.
   *
   * @param model the model that it is made for
   * @param groups the units that stay; a group that is absent is kept whole
   * @param provenance how it is made
   * @throws IllegalArgumentException if a group does not fit the model
   */
  public PruningPlan(
      ModelFingerprint model, Map<GroupId, KeptUnits> groups, Map<String, String> provenance) {
    this(
        model,
        ImmutableSortedMap.copyOf(requireNonNull(groups, "groups")),
        ImmutableSortedMap.copyOf(requireNonNull(provenance, "provenance")));
  }

  private static int units(ModelFingerprint model, GroupId group) {
    int layers = model.layers().size();
    checkArgument(
        group.layer() >= 0 && group.layer() < layers,
        "%s: no such layer, expected 0 to %s",
        group,
        layers - 1);
    return model.layers().get(group.layer()).units(group.kind());
  }

  /**
   * Reads a plan.
   *
   * @param file a file that {@link #write} wrote or a person edited
   * @return the plan
   * @throws IOException if the file cannot be read or is not a valid plan; the message says where
   */
  public static PruningPlan read(Path file) throws IOException {
    requireNonNull(file, "file");
    return JsonNode.read(file, PlanJson::plan);
  }

  /**
   * Parses a plan and checks every number in it.
   *
   * @param json what {@link #toJson} returns
   * @param where where the text is from, for messages
   * @return the plan
   * @throws IllegalArgumentException if it is not a valid plan; the message says where
   */
  public static PruningPlan fromJson(String json, String where) {
    requireNonNull(json, "json");
    requireNonNull(where, "where");
    try {
      return PlanJson.parse(json);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(where + ": " + e.getMessage(), e);
    }
  }

  /**
   * Writes the plan. Whoever reads the file meanwhile sees the old plan or the new one, never half
   * of one.
   *
   * @param file where to; its folder must exist
   * @param overwrite whether a file that stands there is replaced
   * @throws IOException if the file is there and not to be replaced, is a link, a folder or a
   *     device, or cannot be written; what stood there is then as it was
   */
  public void write(Path file, boolean overwrite) throws IOException {
    new TargetFile(file, overwrite).write(toJson());
  }

  /**
   * Renders the plan as JSON, one group a line.
   *
   * @return the same text for equal plans, with a newline at the end
   */
  public String toJson() {
    return PlanJson.render(this);
  }

  /**
   * Returns the units of a group that stay.
   *
   * @param group layer and kind
   * @param units how many units the caller says that the group has
   * @return their numbers, ascending
   * @throws IllegalArgumentException if the plan's model has no such group or another number of
   *     units
   */
  public ImmutableIntArray kept(GroupId group, int units) {
    requireUnits(group, units);
    KeptUnits listed = groups.get(group);
    return listed == null ? ImmutableIntArray.copyOf(IntStream.range(0, units)) : listed.kept();
  }

  /**
   * Returns how many units of a group stay.
   *
   * @param group layer and kind
   * @param units how many units the caller says that the group has
   * @return at least 1, at most {@code units}
   * @throws IllegalArgumentException if the plan's model has no such group or another number of
   *     units
   */
  public int keptCount(GroupId group, int units) {
    requireUnits(group, units);
    KeptUnits listed = groups.get(group);
    return listed == null ? units : listed.kept().length();
  }

  private void requireUnits(GroupId group, int units) {
    int expected = units(model, group);
    checkArgument(
        units == expected, "%s: %s units, but the plan's model has %s", group, units, expected);
  }

  /**
   * Returns this plan with another decision for one group.
   *
   * @param group layer and kind
   * @param kept the units that stay: ascending, distinct, at least one
   * @return the edited plan; this one stays as it is
   * @throws IllegalArgumentException if the group or a unit does not exist
   */
  public PruningPlan withKept(GroupId group, ImmutableIntArray kept) {
    SortedMap<GroupId, KeptUnits> edited = Maps.newTreeMap(groups);
    edited.put(group, keptUnits(group, units(model, group), kept));
    return new PruningPlan(model, edited, provenance);
  }

  static KeptUnits keptUnits(GroupId group, int units, ImmutableIntArray kept) {
    try {
      return new KeptUnits(units, kept);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(group + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns the shapes after the cut.
   *
   * @param config the model before the cut
   * @return one shape a layer
   * @throws IllegalArgumentException if the plan was made for other shapes
   */
  public ImmutableList<LayerShape> layerShapes(ModelConfig config) {
    requireMadeFor(ModelFingerprint.of(config, model.tensorsSha256()));
    ImmutableList.Builder<LayerShape> shapes = ImmutableList.builder();
    for (int layer = 0; layer < config.layers().size(); layer++) {
      LayerShape shape = config.layers().get(layer);
      for (GroupKind kind : GroupKind.values()) {
        shape = shape.keeping(kind, kept(new GroupId(layer, kind), shape.units(kind)));
      }
      shapes.add(shape);
    }
    return shapes.build();
  }

  /**
   * Refuses a model that the plan was not made for.
   *
   * @param found the fingerprint of the model at hand
   * @throws IllegalArgumentException if it differs; the message names the first field that does
   */
  public void requireMadeFor(ModelFingerprint found) {
    found
        .firstDifference(model)
        .ifPresent(
            difference -> {
              throw new IllegalArgumentException(
                  "the plan was made for another model: here "
                      + difference
                      + " as in the plan; use the model that it was made for, or plan anew");
            });
  }
}

package org.minillm.core.pruning;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonPrimitive;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.pruning.PruningPlan.KeptUnits;

/**
 * The file format of plans: written by hand for one group a line, read with every number checked.
 */
final class PlanJson {

  private static final String FORMAT = "minillm-plan";
  private static final int VERSION = 1;

  private PlanJson() {}

  static String render(PruningPlan plan) {
    return """
        {
          "format": "%s",
          "version": %d,
          "model": %s,
          "provenance": {%s},
          "groups": [%s]
        }
        """
        .formatted(
            FORMAT,
            VERSION,
            plan.model().toJson(),
            plan.provenance().entrySet().stream()
                .map(e -> "\n    " + quoted(e.getKey()) + ": " + quoted(e.getValue()))
                .collect(Collectors.joining(",")),
            plan.groups().entrySet().stream()
                .map(e -> "\n    " + render(e.getKey(), e.getValue()))
                .collect(Collectors.joining(",")));
  }

  private static String render(GroupId id, KeptUnits group) {
    String kept =
        group.kept().stream().mapToObj(Integer::toString).collect(Collectors.joining(","));
    return "{\"layer\": %d, \"kind\": \"%s\", \"units\": %d, \"kept\": [%s]}"
        .formatted(id.layer(), id.kind().id(), group.units(), kept);
  }

  private static String quoted(String text) {
    return new JsonPrimitive(text).toString();
  }

  static PruningPlan parse(String json) {
    JsonNode root = JsonNode.parse(json);
    requireFormat(root);
    root.requireNoKeysBut("format", "version", "model", "provenance", "groups");
    ModelFingerprint model = ModelFingerprint.fromJson(root.get("model"));

    ImmutableSortedMap.Builder<String, String> provenance = ImmutableSortedMap.naturalOrder();
    JsonNode facts = root.get("provenance");
    facts.keys().forEach(name -> provenance.put(name, facts.get(name).text()));

    Map<GroupId, KeptUnits> groups = new TreeMap<>();
    for (JsonNode group : root.get("groups").items()) {
      parseGroup(group, groups);
    }
    return new PruningPlan(model, ImmutableSortedMap.copyOf(groups), provenance.build());
  }

  // First of all: whatever else a file of another format has is no use to anybody.
  private static void requireFormat(JsonNode root) {
    String format = root.get("format").text();
    if (!format.equals(FORMAT)) {
      throw root.refuse("format \"%s\", expected \"%s\"".formatted(format, FORMAT));
    }
    int version = root.get("version").integer();
    if (version != VERSION) {
      throw root.refuse(
          "version %d of the format, but this release reads version %d; plan anew or use the release that wrote it"
              .formatted(version, VERSION));
    }
  }

  private static void parseGroup(JsonNode group, Map<GroupId, KeptUnits> groups) {
    group.requireNoKeysBut("layer", "kind", "units", "kept");
    GroupId id = new GroupId(group.get("layer").integer(), parseKind(group.get("kind")));
    ImmutableIntArray.Builder kept = ImmutableIntArray.builder();
    group.get("kept").items().forEach(unit -> kept.add(unit.integer()));
    KeptUnits units = PruningPlan.keptUnits(id, group.get("units").integer(), kept.build());
    if (groups.put(id, units) != null) {
      throw group.refuse(id + " is listed twice");
    }
  }

  private static GroupKind parseKind(JsonNode json) {
    String name = json.text();
    return Arrays.stream(GroupKind.values())
        .filter(kind -> kind.id().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                json.refuse(
                    "unknown kind \"%s\"; the kinds are %s"
                        .formatted(
                            name,
                            Arrays.stream(GroupKind.values())
                                .map(GroupKind::id)
                                .collect(Collectors.joining(", ")))));
  }
}

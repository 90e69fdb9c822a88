package org.minillm.core.plan;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonPrimitive;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plan.PruningPlan.KeptUnits;

/** The file format of plans: one group a line, every number checked when read. */
final class PlanJson {

  private static final String FORMAT = "minillm-plan";
  private static final int VERSION = 1;

  /** Of a word of the file, in a message. */
  private static final int MAX_QUOTED = 60;

  private PlanJson() {}

  static String render(PruningPlan plan) {
    // %s for numbers too: %d would write them in the digits of the default locale
    return """
        {
          "format": "%s",
          "version": %s,
          "model": %s,
          "provenance": {%s},
          "groups": [%s]
        }
        """
        .formatted(
            FORMAT,
            VERSION,
            plan.model().toJson(),
            lines(
                plan.provenance().entrySet().stream()
                    .map(fact -> quoted(fact.getKey()) + ": " + quoted(fact.getValue()))),
            lines(
                plan.groups().entrySet().stream()
                    .map(group -> render(group.getKey(), group.getValue()))));
  }

  private static String lines(Stream<String> entries) {
    String joined = entries.map(entry -> "\n    " + entry).collect(Collectors.joining(","));
    return joined.isEmpty() ? "" : joined + "\n  ";
  }

  private static String render(GroupId id, KeptUnits group) {
    String kept =
        group.kept().stream().mapToObj(Integer::toString).collect(Collectors.joining(","));
    return "{\"layer\": %s, \"kind\": \"%s\", \"units\": %s, \"kept\": [%s]}"
        .formatted(id.layer(), id.kind().id(), group.units(), kept);
  }

  private static String quoted(String text) {
    return new JsonPrimitive(text).toString();
  }

  static PruningPlan parse(String json) {
    return plan(JsonNode.parse(json));
  }

  static PruningPlan plan(JsonNode root) {
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
      throw root.get("format").expected("\"" + FORMAT + "\"");
    }
    int version = root.get("version").integer();
    if (version != VERSION) {
      throw root.refuse(
          "version %s of the format, but this release reads version %s; plan anew or use the release that wrote it"
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
                            JsonNode.shortened(name, MAX_QUOTED),
                            Arrays.stream(GroupKind.values())
                                .map(GroupKind::id)
                                .collect(Collectors.joining(", ")))));
  }
}

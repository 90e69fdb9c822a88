package org.minillm.core.runtime;

import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.files.JsonNode;

/** Reads {@code eos_token_id}: an id, a list of ids, or null for none. */
final class EndTokens {

  private static final String KEY = "eos_token_id";

  private EndTokens() {}

  static ImmutableSet<Integer> of(Checkpoint checkpoint) throws IOException {
    Path generation = checkpoint.path().resolve("generation_config.json");
    Optional<ImmutableSet<Integer>> ids =
        Files.isRegularFile(generation)
            ? JsonNode.read(generation, EndTokens::of)
            : Optional.empty();
    try {
      return ids.or(() -> of(new JsonNode("", checkpoint.config()))).orElse(ImmutableSet.of());
    } catch (IllegalArgumentException e) {
      throw new MalformedCheckpointException(
          checkpoint.path().resolve("config.json") + ": " + e.getMessage(), e);
    }
  }

  private static Optional<ImmutableSet<Integer>> of(JsonNode config) {
    return config.find(KEY).map(EndTokens::ids);
  }

  private static ImmutableSet<Integer> ids(JsonNode json) {
    if (json.isNull()) {
      return ImmutableSet.of();
    }
    List<JsonNode> ids = json.isArray() ? json.items() : List.of(json);
    return ids.stream().map(JsonNode::integer).collect(ImmutableSet.toImmutableSet());
  }
}

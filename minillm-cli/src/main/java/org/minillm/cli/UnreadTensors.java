package org.minillm.cli;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.minillm.core.files.JsonNode;
import org.minillm.core.runtime.CausalLm;

/** Words for the tensors of a checkpoint that the model does not compute with. */
final class UnreadTensors {

  private static final int MAX_NAMES = 4;
  private static final int MAX_NAME = 200;

  private UnreadTensors() {}

  /** Returns how many there are and some names; empty where there is none. */
  static Optional<String> words(CausalLm model) {
    Set<String> unread = model.unreadTensors();
    if (unread.isEmpty()) {
      return Optional.empty();
    }
    String names =
        unread.stream()
            .limit(MAX_NAMES)
            .map(name -> JsonNode.shortened(name, MAX_NAME))
            .collect(Collectors.joining(", "));
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%,d %s nothing reads: %s%s",
            unread.size(),
            unread.size() == 1 ? "tensor that" : "tensors that",
            names,
            unread.size() > MAX_NAMES ? ", …" : ""));
  }
}

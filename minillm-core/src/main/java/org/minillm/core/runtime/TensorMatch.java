package org.minillm.core.runtime;

import static com.google.common.collect.ImmutableList.toImmutableList;

import ai.djl.ndarray.types.Shape;
import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.files.JsonNode;

/**
 * Compares the tensors that a checkpoint stores with those that a model computes with. Where they
 * differ it says what was found instead: names and types tell which tool wrote them.
 */
final class TensorMatch {

  /** What a message quotes of a name, and how many names. */
  private static final int MAX_NAME = 200;

  private static final int MAX_NAMES = 4;

  /** Where names have something before them, what put it there and how to be rid of it. */
  private static final ImmutableMap<String, String> PREFIXES =
      ImmutableMap.of(
          "base_model.", "an adapter's (PEFT): merge it, model.merge_and_unload()",
          "_orig_mod.", "that of torch.compile: save model._orig_mod",
          "module.", "that of data-parallel training: save model.module",
          "language_model.", "that of a model of several parts: save its language model alone");

  /** What stands beside quantised weights, or in their place. */
  private static final Pattern QUANTISED =
      Pattern.compile(
          "qweight|qzeros|scales|g_idx|qscales|weight_packed|weight_scale.*|weight\\.(absmax|quant).*|SCB");

  private static final Pattern ADAPTED = Pattern.compile("base_layer\\..*|lora_.*");

  /** Constants that a loader makes anew, in old checkpoints. */
  private static final Pattern BUFFER =
      Pattern.compile("(.*\\.)?(rotary_emb\\.inv_freq|masked_bias|position_ids)");

  private static final String HEAD = "lm_head.weight";

  private final Checkpoint checkpoint;
  private final Decoder decoder;

  TensorMatch(Checkpoint checkpoint, Decoder decoder) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
  }

  /** Refuses a checkpoint that lacks a tensor, or has another in its place. */
  void requireAll() throws MalformedCheckpointException {
    for (Map.Entry<String, Shape> expected : decoder.tensors().entrySet()) {
      String name = expected.getKey();
      if (!checkpoint.contains(name)) {
        throw refusal("no tensor " + name + instead(name));
      }
      checkpoint.requireReadable(name);
      Shape found = checkpoint.tensor(name).shape();
      if (!found.equals(expected.getValue())) {
        throw refusal(
            name
                + " has the shape "
                + found
                + ", expected "
                + expected.getValue()
                + "; config.json and the weights disagree");
      }
    }
  }

  /**
   * Refuses a head of its own in a model whose config.json says that it has none: some loaders take
   * it, others do not, and which was meant nobody can tell.
   */
  void requireOneHead() throws IOException {
    String embedding = decoder.headTensor();
    if (decoder.config().tiedHead()
        && !embedding.equals(HEAD)
        && checkpoint.contains(HEAD)
        && !checkpoint.sameNumbers(HEAD, embedding)) {
      throw refusal(
          HEAD
              + " differs from "
              + embedding
              + ", but config.json says tie_word_embeddings: transformers 5 takes the stored head,"
              + " transformers 4 the embedding; set tie_word_embeddings to false to take the head,"
              + " or leave it out of the weights");
    }
  }

  private MalformedCheckpointException refusal(String what) {
    return new MalformedCheckpointException(checkpoint.path() + ": " + what);
  }

  private Stream<String> stored() {
    return checkpoint.tensors().keySet().stream();
  }

  /** Says what there is where a tensor is missing. */
  private String instead(String missing) {
    String module = missing.substring(0, missing.lastIndexOf('.') + 1);
    List<String> beside =
        stored()
            .filter(name -> name.startsWith(module))
            .map(name -> name.substring(module.length()))
            .toList();
    if (beside.stream().anyMatch(name -> QUANTISED.matcher(name).matches())) {
      return ", but "
          + names(beside)
          + " in its place: quantised weights cannot be pruned; start from the model that they were"
          + " made of";
    }
    if (beside.stream().anyMatch(name -> ADAPTED.matcher(name).matches())) {
      return ", but "
          + names(beside)
          + " in its place: an adapter (PEFT); merge it, model.merge_and_unload(), and save that";
    }
    return stored()
        .filter(name -> name.endsWith("." + missing))
        .findFirst()
        .map(name -> prefixed(name.substring(0, name.length() - missing.length())))
        .or(() -> nearest(missing))
        .orElse("");
  }

  private static String prefixed(String prefix) {
    String origin =
        PREFIXES.entrySet().stream()
            .filter(known -> prefix.contains(known.getKey()))
            .findFirst()
            .map(known -> ", " + known.getValue() + ", or")
            .orElse(":");
    return ", but the same behind the prefix \"%s\"%s rename the tensors without it"
        .formatted(shortened(prefix), origin);
  }

  /** Names what ends alike, in at least two words. */
  private Optional<String> nearest(String missing) {
    return stored()
        .max(Comparator.comparingInt(name -> commonEnd(name, missing).length()))
        .filter(name -> commonEnd(name, missing).indexOf('.', 1) > 0)
        .map(
            name ->
                "; the nearest is "
                    + shortened(name)
                    + ": save the model as its stock class names its tensors");
  }

  /** Returns the whole words in which two names end alike, each behind its point. */
  private static String commonEnd(String one, String other) {
    String end = Strings.commonSuffix("." + one, "." + other);
    return end.substring(Math.max(0, end.indexOf('.')));
  }

  /** Names the tensors that nothing reads, but for constants that a loader makes anew. */
  ImmutableSet<String> unread() {
    return Sets.difference(checkpoint.tensors().keySet(), decoder.tensors().keySet()).stream()
        .filter(name -> !BUFFER.matcher(name).matches())
        .filter(name -> !(decoder.config().tiedHead() && name.equals(HEAD)))
        .collect(ImmutableSet.toImmutableSet());
  }

  /** Refuses tensors of layers that nothing reads: they would not fit what a cut leaves. */
  void requireLayersRead() throws MalformedCheckpointException {
    Pattern inALayer = ofLayers();
    List<String> found =
        unread().stream().filter(name -> inALayer.matcher(name).lookingAt()).toList();
    if (!found.isEmpty()) {
      throw refusal(
          found.size()
              + (found.size() == 1 ? " tensor" : " tensors")
              + " of layers that the model of config.json does not have ("
              + names(found)
              + "): pruned without them it would be another model. If they belong to it, set"
              + " num_hidden_layers, attention_bias or mlp_bias in config.json, or a model_type that"
              + " has them, as qwen2 has biases of q, k and v; if not, take them out of the weights");
    }
  }

  /** Matches the beginning of the names of tensors of any layer, also of one beyond the last. */
  private Pattern ofLayers() {
    String first =
        MemoryForecast.groupTensors(decoder, 0).stream()
            .reduce(Strings::commonPrefix)
            .map(common -> common.substring(0, common.lastIndexOf('.') + 1))
            .orElse("");
    return Pattern.compile(
        first.endsWith(".0.")
            ? Pattern.quote(first.substring(0, first.length() - 2)) + "\\d+\\."
            : Pattern.quote(first));
  }

  private static String names(List<String> all) {
    ImmutableList<String> some =
        all.stream().limit(MAX_NAMES).map(TensorMatch::shortened).collect(toImmutableList());
    return some.stream().collect(Collectors.joining(", ")) + (all.size() > MAX_NAMES ? ", …" : "");
  }

  private static String shortened(String name) {
    return JsonNode.shortened(name, MAX_NAME);
  }
}

package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.files.JsonNode;
import org.minillm.core.runtime.CausalLm;

/**
 * What a plan was made for: the sizes that give its unit numbers a meaning, and the weights on
 * which the units were scored.
 *
 * @param modelType {@code model_type} of config.json
 * @param hiddenSize width of the residual stream
 * @param vocabSize rows of the embedding
 * @param headDim width of one attention head
 * @param layers the counts of every layer, at least one layer; units are numbered by where they
 *     stand in the tensors, so the places that heads had in a dense model do not belong here
 * @param tensorsSha256 a digest of the checkpoint's tensors: names, types, shapes, sampled contents
 */
public record ModelFingerprint(
    String modelType,
    int hiddenSize,
    int vocabSize,
    int headDim,
    ImmutableList<LayerShape> layers,
    String tensorsSha256) {

  /** A plan has no tensors that would tell; published models have some hundred layers. */
  private static final int MAX_LAYERS = 10_000;

  /** Of a field, in a message: a digest is as long. */
  private static final int MAX_QUOTED = 64;

  private static final String MODEL_TYPE = "model_type";
  private static final String LAYERS = "num_hidden_layers";
  private static final String HIDDEN_SIZE = "hidden_size";
  private static final String VOCAB_SIZE = "vocab_size";
  private static final String HEAD_DIM = "head_dim";
  private static final String KEY_VALUE_HEADS = "num_key_value_heads";
  private static final String INTERMEDIATE_SIZE = "intermediate_size";
  private static final String TENSORS = "tensors_sha256";

  // Checks that there are layers.
  public ModelFingerprint {
    requireNonNull(modelType, "modelType");
    requireNonNull(layers, "layers");
    requireNonNull(tensorsSha256, "tensorsSha256");
    checkArgument(!layers.isEmpty(), "%s: 0 layers, expected at least 1", modelType);
  }

  /**
   * Takes the fingerprint of a model.
   *
   * @param config its sizes
   * @param tensorsSha256 the digest of its tensors
   * @return the fingerprint
   */
  public static ModelFingerprint of(ModelConfig config, String tensorsSha256) {
    requireNonNull(config, "config");
    requireNonNull(tensorsSha256, "tensorsSha256");
    return new ModelFingerprint(
        config.modelType(),
        config.hiddenSize(),
        config.vocabSize(),
        config.headDim(),
        config.layers().stream().map(LayerShape::sizes).collect(toImmutableList()),
        tensorsSha256);
  }

  /**
   * Takes the fingerprint of a model.
   *
   * @param model whose tensors are sampled
   * @return the fingerprint
   * @throws IOException if the checkpoint cannot be read
   */
  public static ModelFingerprint of(CausalLm model) throws IOException {
    requireNonNull(model, "model");
    return of(model.config(), model.checkpoint().sha256OfSamples());
  }

  /**
   * Names the first field in which two fingerprints differ, sizes before weights.
   *
   * @param other the fingerprint to compare with
   * @return in the words of config.json, for example {@code intermediate_size of layer 3 is 1408,
   *     not 1536} where this model has 1408 and the other 1536; empty where they are equal
   */
  public Optional<String> firstDifference(ModelFingerprint other) {
    List<String> found = new ArrayList<>();
    compare(MODEL_TYPE, modelType, other.modelType, found);
    compare(LAYERS, layers.size(), other.layers.size(), found);
    compare(HIDDEN_SIZE, hiddenSize, other.hiddenSize, found);
    compare(VOCAB_SIZE, vocabSize, other.vocabSize, found);
    compare(HEAD_DIM, headDim, other.headDim, found);
    for (int i = 0; i < Math.min(layers.size(), other.layers.size()); i++) {
      LayerShape mine = layers.get(i);
      LayerShape theirs = other.layers.get(i);
      String where = " of layer " + i;
      compare(KEY_VALUE_HEADS + where, mine.keyValueHeads(), theirs.keyValueHeads(), found);
      compare(INTERMEDIATE_SIZE + where, mine.intermediateSize(), theirs.intermediateSize(), found);
    }
    compare(TENSORS, tensorsSha256, other.tensorsSha256, found);
    return found.stream().findFirst();
  }

  private static void compare(String field, Object mine, Object theirs, List<String> found) {
    if (!mine.equals(theirs)) {
      found.add(field + " is " + quoted(mine) + ", not " + quoted(theirs));
    }
  }

  private static String quoted(Object value) {
    return JsonNode.shortened(value.toString(), MAX_QUOTED);
  }

  /** Writes one line; a size that all layers share is one number, else an array, one a layer. */
  String toJson() {
    ImmutableMap<String, Object> fields =
        ImmutableMap.of(
            MODEL_TYPE,
            new JsonPrimitive(modelType),
            LAYERS,
            layers.size(),
            HIDDEN_SIZE,
            hiddenSize,
            VOCAB_SIZE,
            vocabSize,
            HEAD_DIM,
            headDim,
            KEY_VALUE_HEADS,
            sizes(LayerShape::keyValueHeads),
            INTERMEDIATE_SIZE,
            sizes(LayerShape::intermediateSize),
            TENSORS,
            new JsonPrimitive(tensorsSha256));
    return fields.entrySet().stream()
        .map(field -> "\"" + field.getKey() + "\": " + field.getValue())
        .collect(Collectors.joining(", ", "{", "}"));
  }

  private String sizes(ToIntFunction<LayerShape> size) {
    List<String> all = layers.stream().map(layer -> "" + size.applyAsInt(layer)).toList();
    return all.stream().distinct().count() == 1
        ? all.get(0)
        : all.stream().collect(Collectors.joining(",", "[", "]"));
  }

  static ModelFingerprint fromJson(JsonNode json) {
    json.requireNoKeysBut(
        MODEL_TYPE,
        LAYERS,
        HIDDEN_SIZE,
        VOCAB_SIZE,
        HEAD_DIM,
        KEY_VALUE_HEADS,
        INTERMEDIATE_SIZE,
        TENSORS);
    int layers = layers(json.get(LAYERS));
    List<Integer> heads = sizes(json.get(KEY_VALUE_HEADS), layers);
    List<Integer> channels = sizes(json.get(INTERMEDIATE_SIZE), layers);
    ImmutableList.Builder<LayerShape> shapes = ImmutableList.builder();
    for (int i = 0; i < layers; i++) {
      shapes.add(new LayerShape(heads.get(i), channels.get(i)));
    }
    return new ModelFingerprint(
        json.get(MODEL_TYPE).text(),
        positive(json.get(HIDDEN_SIZE)),
        positive(json.get(VOCAB_SIZE)),
        positive(json.get(HEAD_DIM)),
        shapes.build(),
        json.get(TENSORS).text());
  }

  private static int layers(JsonNode json) {
    int layers = positive(json);
    if (layers > MAX_LAYERS) {
      throw json.refuse(layers + ", expected at most " + MAX_LAYERS);
    }
    return layers;
  }

  private static List<Integer> sizes(JsonNode json, int layers) {
    if (!json.isArray()) {
      return Collections.nCopies(layers, positive(json));
    }
    List<Integer> sizes = json.items().stream().map(ModelFingerprint::positive).toList();
    if (sizes.size() != layers) {
      throw json.refuse(sizes.size() + " sizes, expected one a layer (" + layers + ")");
    }
    return sizes;
  }

  private static int positive(JsonNode json) {
    int value = json.integer();
    if (value < 1) {
      throw json.refuse(value + ", expected at least 1");
    }
    return value;
  }
}

package org.minillm.models;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.ModelConfig;

/**
 * A family that is LLaMA but for a few things: rotary positions, RMS norms before the sublayers,
 * and a gated MLP, under LLaMA's names of tensors and of keys. Immutable; each method returns
 * another variant. {@link Qwen3Architecture} is one.
 */
public final class LlamaVariant {

  /**
   * LLaMA itself: biases as {@code attention_bias} and {@code mlp_bias} say, SiLU, the whole text
   * in sight.
   */
  public static final LlamaVariant LLAMA =
      new LlamaVariant(
          config -> {
            boolean attention = config.flagOr("attention_bias", false);
            return new LlamaConfig.Biases(attention, attention, config.flagOr("mlp_bias", false));
          },
          false,
          "silu",
          Nonlinearity.SILU,
          sizes -> 1,
          config -> OptionalInt.empty());

  private final Function<ConfigReader, LlamaConfig.Biases> biases;
  private final boolean headNorms;
  private final String activationName;
  private final UnaryOperator<NDArray> activation;
  private final ToDoubleFunction<ModelConfig> embeddingScale;
  private final Function<ConfigReader, OptionalInt> window;

  private LlamaVariant(
      Function<ConfigReader, LlamaConfig.Biases> biases,
      boolean headNorms,
      String activationName,
      UnaryOperator<NDArray> activation,
      ToDoubleFunction<ModelConfig> embeddingScale,
      Function<ConfigReader, OptionalInt> window) {
    this.biases = biases;
    this.headNorms = headNorms;
    this.activationName = activationName;
    this.activation = activation;
    this.embeddingScale = embeddingScale;
    this.window = window;
  }

  /**
   * Says which layers have biases, whatever config.json says.
   *
   * @param projections those of queries, keys and values
   * @param output that of the attention's output
   * @param mlp those of the MLP
   * @return the variant
   */
  public LlamaVariant biases(boolean projections, boolean output, boolean mlp) {
    LlamaConfig.Biases fixed = new LlamaConfig.Biases(projections, output, mlp);
    return new LlamaVariant(
        config -> fixed, headNorms, activationName, activation, embeddingScale, window);
  }

  /**
   * Norms each head's queries and keys by {@code q_norm} and {@code k_norm}, before the rotation.
   *
   * @return the variant
   */
  public LlamaVariant headNorms() {
    return new LlamaVariant(biases, true, activationName, activation, embeddingScale, window);
  }

  /**
   * Chooses the activation of the MLP.
   *
   * @param name what {@code hidden_act} must be
   * @param chosen see {@link BlockTable.Builder#activation}
   * @return the variant
   */
  public LlamaVariant activation(String name, UnaryOperator<NDArray> chosen) {
    requireNonNull(name, "name");
    requireNonNull(chosen, "chosen");
    return new LlamaVariant(biases, headNorms, name, chosen, embeddingScale, window);
  }

  /**
   * Multiplies what is embedded.
   *
   * @param factor of the model's sizes
   * @return the variant
   */
  public LlamaVariant embeddingScale(ToDoubleFunction<ModelConfig> factor) {
    requireNonNull(factor, "factor");
    return new LlamaVariant(biases, headNorms, activationName, activation, factor, window);
  }

  /**
   * Says how far back a token sees, where a window slides over the text. Texts that the window
   * covers are computed, as they are without it; longer ones are refused.
   *
   * @param tokens reads it from config.json; empty where all is in sight
   * @return the variant
   */
  public LlamaVariant attentionWindow(Function<ConfigReader, OptionalInt> tokens) {
    requireNonNull(tokens, "tokens");
    return new LlamaVariant(biases, headNorms, activationName, activation, embeddingScale, tokens);
  }

  /**
   * Reads a model's configuration, as {@link org.minillm.core.architecture.Architecture#decoder} is
   * asked to.
   *
   * @param config the parsed config.json
   * @param tensors what the checkpoint has
   * @return the model that it describes
   * @throws IllegalArgumentException if a key is missing, has the wrong type, or asks for something
   *     that is not computed; the message names the key
   */
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    requireNonNull(config, "config");
    requireNonNull(tensors, "tensors");
    return new TransformerDecoder(LlamaConfig.parse(config, tensors, this));
  }

  LlamaConfig.Biases biases(ConfigReader config) {
    return biases.apply(config);
  }

  boolean normsHeads() {
    return headNorms;
  }

  String activationName() {
    return activationName;
  }

  UnaryOperator<NDArray> activation() {
    return activation;
  }

  double embeddingScale(ModelConfig sizes) {
    return embeddingScale.applyAsDouble(sizes);
  }

  OptionalInt window(ConfigReader config) {
    return window.apply(config);
  }
}

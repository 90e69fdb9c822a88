package org.minillm.core.architecture;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The sizes that every decoder-only model has, whatever its family. */
public final class ModelConfig {

  private final String modelType;
  private final ImmutableList<LayerShape> layers;
  private final int hiddenSize;
  private final int vocabSize;
  private final int maxPositions;
  private final int headDim;
  private final int queryHeadsPerKeyValueHead;
  private final boolean tiedHead;

  private ModelConfig(Builder builder) {
    this.modelType = builder.modelType;
    this.layers = builder.layers;
    this.hiddenSize = required("hiddenSize", builder.hiddenSize);
    this.vocabSize = required("vocabSize", builder.vocabSize);
    this.maxPositions = required("maxPositions", builder.maxPositions);
    this.headDim = required("headDim", builder.headDim);
    this.queryHeadsPerKeyValueHead =
        required("queryHeadsPerKeyValueHead", builder.queryHeadsPerKeyValueHead);
    this.tiedHead = builder.tiedHead;
  }

  private static int required(String name, int size) {
    checkArgument(size > 0, "%s of a model: %s, expected at least 1", name, size);
    return size;
  }

  /**
   * Begins the sizes of a model. All but the two that have a default have to be set.
   *
   * @param modelType {@code model_type} of config.json
   * @param layers one shape a layer; they differ in a model pruned unevenly
   * @return a builder
   */
  public static Builder builder(String modelType, List<LayerShape> layers) {
    return new Builder(
        requireNonNull(modelType, "modelType"),
        ImmutableList.copyOf(requireNonNull(layers, "layers")));
  }

  /**
   * Returns the family.
   *
   * @return {@code model_type} of config.json
   */
  public String modelType() {
    return modelType;
  }

  /**
   * Returns the shapes of the layers.
   *
   * @return one a layer
   */
  public ImmutableList<LayerShape> layers() {
    return layers;
  }

  /**
   * Returns the width of the residual stream.
   *
   * @return numbers a token
   */
  public int hiddenSize() {
    return hiddenSize;
  }

  /**
   * Returns the rows of the embedding.
   *
   * @return tokens
   */
  public int vocabSize() {
    return vocabSize;
  }

  /**
   * Returns the longest sequence that the model was made for: {@code max_position_embeddings}. A
   * longer one is refused where positions are learned; else it is computed, with a warning.
   *
   * @return tokens
   */
  public int maxPositions() {
    return maxPositions;
  }

  /**
   * Returns the width of one attention head.
   *
   * @return numbers a token
   */
  public int headDim() {
    return headDim;
  }

  /**
   * Returns how many query heads share a key-value head.
   *
   * @return 1 for multi-head attention, more for grouped-query attention
   */
  public int queryHeadsPerKeyValueHead() {
    return queryHeadsPerKeyValueHead;
  }

  /**
   * Tells whether the language head shares the embedding's weights.
   *
   * @return true where it does
   */
  public boolean tiedHead() {
    return tiedHead;
  }

  private List<Object> fields() {
    return List.of(
        modelType,
        layers,
        hiddenSize,
        vocabSize,
        maxPositions,
        headDim,
        queryHeadsPerKeyValueHead,
        tiedHead);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ModelConfig config && fields().equals(config.fields());
  }

  @Override
  public int hashCode() {
    return fields().hashCode();
  }

  @Override
  public String toString() {
    return fields().toString();
  }

  /** Gathers the sizes of a {@link ModelConfig}. */
  public static final class Builder {
    private final String modelType;
    private final ImmutableList<LayerShape> layers;
    private int hiddenSize;
    private int vocabSize;
    private int maxPositions;
    private int headDim;
    private int queryHeadsPerKeyValueHead = 1;
    private boolean tiedHead;

    private Builder(String modelType, ImmutableList<LayerShape> layers) {
      this.modelType = modelType;
      this.layers = layers;
    }

    /**
     * Sets the width of the residual stream.
     *
     * @param numbers a token
     * @return this
     */
    public Builder hiddenSize(int numbers) {
      this.hiddenSize = numbers;
      return this;
    }

    /**
     * Sets the rows of the embedding.
     *
     * @param tokens in the vocabulary
     * @return this
     */
    public Builder vocabSize(int tokens) {
      this.vocabSize = tokens;
      return this;
    }

    /**
     * Sets the longest sequence.
     *
     * @param tokens see {@link ModelConfig#maxPositions}
     * @return this
     */
    public Builder maxPositions(int tokens) {
      this.maxPositions = tokens;
      return this;
    }

    /**
     * Sets the width of one attention head.
     *
     * @param numbers a token
     * @return this
     */
    public Builder headDim(int numbers) {
      this.headDim = numbers;
      return this;
    }

    /**
     * Sets how many query heads share a key-value head.
     *
     * @param heads 1 unless set
     * @return this
     */
    public Builder queryHeadsPerKeyValueHead(int heads) {
      this.queryHeadsPerKeyValueHead = heads;
      return this;
    }

    /**
     * Sets whether the language head shares the embedding's weights.
     *
     * @param tied false unless set
     * @return this
     */
    public Builder tiedHead(boolean tied) {
      this.tiedHead = tied;
      return this;
    }

    /**
     * Makes the sizes.
     *
     * @return the sizes
     * @throws IllegalArgumentException if one is missing or not positive
     */
    public ModelConfig build() {
      return new ModelConfig(this);
    }
  }
}

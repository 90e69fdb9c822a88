package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;

/**
 * The sizes that every decoder-only model has, whatever its family.
 *
 * @param modelType {@code model_type} of config.json
 * @param hiddenSize width of the residual stream
 * @param vocabSize rows of the embedding
 * @param maxPositions {@code max_position_embeddings}: the longest sequence the model was made for.
 *     A longer one is refused where positions are learned; else it is computed, with a warning
 * @param headDim width of one attention head
 * @param queryHeadsPerKeyValueHead 1 for multi-head attention, more for grouped-query attention
 * @param tiedHead true where the language head shares the embedding's weights
 * @param layers one shape a layer; they differ in a model pruned unevenly
 */
public record ModelConfig(
    String modelType,
    int hiddenSize,
    int vocabSize,
    int maxPositions,
    int headDim,
    int queryHeadsPerKeyValueHead,
    boolean tiedHead,
    ImmutableList<LayerShape> layers) {

  // Refuses nulls.
  public ModelConfig {
    requireNonNull(modelType, "modelType");
    requireNonNull(layers, "layers");
  }
}

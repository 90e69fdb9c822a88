package org.minillm.core.architecture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A model of one family as its config.json describes it: which tensors it has, which slices go
 * together, and how a block computes. Holds no weights and no state.
 */
public interface Decoder {

  /**
   * Returns the sizes.
   *
   * @return the parsed configuration
   */
  ModelConfig config();

  /**
   * Returns every tensor that a checkpoint of this model must have, with its shape.
   *
   * @return name to shape, in the order of the computation
   */
  ImmutableMap<String, Shape> tensors();

  /**
   * Returns the pruning groups of a layer, as pure data.
   *
   * @param layer from 0
   * @return one group a {@link GroupKind}
   */
  ImmutableList<PruningGroup> groups(int layer);

  /**
   * Returns which rows make the values of the attention of a layer, as pure data.
   *
   * @param layer from 0
   * @return the rows
   */
  ValueProjection values(int layer);

  /**
   * Renders config.json for the same model with other layer shapes, in the spelling of the original
   * and with every key kept that pruning does not touch.
   *
   * @param layers the new shapes, one a layer
   * @return the new config.json, from which this family's {@link Architecture} makes exactly that
   *     model; for what others make of it see {@link #stockLoaderObstacle}
   */
  JsonObject render(List<LayerShape> layers);

  /**
   * Tells why a stock loader could not take this model with other layer shapes.
   *
   * @param loader which one
   * @param layers the shapes, one a layer
   * @return the reason in plain words, one sentence; empty where it takes the model as {@link
   *     #render} describes it
   */
  Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers);

  /**
   * Tells why not all stock loaders could take this model with other layer shapes.
   *
   * @param layers the shapes, one a layer
   * @return the first reason, in the order of {@link StockLoader}; empty where all take the model
   */
  default Optional<String> stockLoaderObstacle(List<LayerShape> layers) {
    return Arrays.stream(StockLoader.values())
        .flatMap(loader -> stockLoaderObstacle(loader, layers).stream())
        .findFirst();
  }

  /**
   * Tells why this model with other layer shapes cannot bring code of its own, with which Hugging
   * Face transformers would load what {@link #stockLoaderObstacle} refuses.
   *
   * @param layers the shapes, one a layer
   * @return the reason in plain words; empty where {@link #code} has it. Unless overridden, no code
   *     is written for the family
   */
  default Optional<String> codeObstacle(List<LayerShape> layers) {
    return Optional.of(
        "there is no Python class for models of type \"" + config().modelType() + "\"");
  }

  /**
   * Describes this model with other layer shapes as one that brings its own code.
   *
   * @param layers the shapes, one a layer
   * @return config.json, from which this family's {@link Architecture} makes exactly that model,
   *     too, and the code
   * @throws IllegalArgumentException if there is a {@link #codeObstacle}
   */
  default ModelCode code(List<LayerShape> layers) {
    throw new IllegalArgumentException(codeObstacle(layers).orElse("no code"));
  }

  /**
   * Embeds tokens: everything before the first block.
   *
   * @param rows gathers rows of a tensor, so that the whole embedding never has to be in memory
   * @param weights where all other tensors come from, newly read for every call
   * @param ids token ids, (batch, time)
   * @param layout where they stand
   * @param owner where the result hangs
   * @return FLOAT32, (batch, time, hidden_size)
   * @throws IOException if the file cannot be read
   * @throws IllegalArgumentException if the model has no positions for so many time steps
   */
  NDArray embed(
      RowSource rows, WeightSource weights, int[][] ids, TokenLayout layout, NDManager owner)
      throws IOException;

  /**
   * Makes the tables that depend on positions alone.
   *
   * @param layout where the tokens stand and what they see
   * @param owner where they hang
   * @return the tables
   */
  Positions positions(TokenLayout layout, NDManager owner);

  /**
   * Forecasts what {@link #positions} makes.
   *
   * @param rows texts that go through a layer together, each with a layout of its own
   * @param length tokens of each
   * @return bytes
   */
  long positionBytes(long rows, long length);

  /**
   * Forecasts what attention holds beside {@link #positions} and arrays as wide as a token, such as
   * scores.
   *
   * @param rows texts that go through a layer together
   * @param length tokens of each
   * @return bytes, of the layer that takes the most
   */
  long attentionBytes(long rows, long length);

  /**
   * Opens a layer.
   *
   * @param layer from 0
   * @param weights where its tensors come from
   * @param owner where arrays that the block makes for itself hang
   * @return the block, valid as long as its weights are
   * @throws IOException if the file cannot be read
   */
  DecoderBlock block(int layer, WeightSource weights, NDManager owner) throws IOException;

  /**
   * Computes what the language head reads: the last norm and all else after the last block.
   *
   * @param weights where the norm's tensors come from
   * @param hidden FLOAT32, (batch, time, hidden_size)
   * @return FLOAT32, (batch, time, columns of {@link #headTensor()}), on the manager of {@code
   *     hidden}
   * @throws IOException if the file cannot be read
   */
  NDArray finalHidden(WeightSource weights, NDArray hidden) throws IOException;

  /**
   * Names the matrix (vocab_size, width) whose rows give the logits.
   *
   * @return a tensor of the checkpoint; the embedding where the head is tied
   */
  String headTensor();

  /** Reads chosen rows of a matrix. */
  @FunctionalInterface
  interface RowSource {

    /**
     * Gathers rows.
     *
     * @param tensor name of a matrix
     * @param rows row numbers, in any order, repeats allowed
     * @param owner where the result hangs
     * @return FLOAT32, (rows, columns)
     * @throws IOException if the file cannot be read
     */
    NDArray gather(String tensor, int[] rows, NDManager owner) throws IOException;
  }
}

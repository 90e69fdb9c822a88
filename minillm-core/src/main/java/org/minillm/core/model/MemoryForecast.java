package org.minillm.core.model;

import static com.google.common.collect.ImmutableSet.toImmutableSet;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableSet;
import java.util.OptionalLong;
import java.util.stream.IntStream;

/**
 * What a pass over a model needs in memory. Weights are float32 in memory whatever they are in the
 * file.
 *
 * @param largestBlockBytes float32 weights of the largest layer
 * @param allBlocksBytes float32 weights of all layers
 * @param workingBytes what a pass holds beside resident layers: the block at work, its perturbed
 *     copy, activations of one micro-batch, a chunk of the language head
 * @param streamBytes the residual streams of a calibration set, which wait in a scratch file where
 *     the budget has no room for all of them
 */
public record MemoryForecast(
    long largestBlockBytes, long allBlocksBytes, long workingBytes, long streamBytes) {

  /** The JVM, the engine's code and its thread pools, before any weight is read (measured). */
  static final long PROCESS_BYTES = 350L << 20;

  private static final int BLOCK_COPIES = 2;

  /**
   * Arrays as wide as a token is in a block; of LLaMA-7B's shapes 11 were measured. The twelfth has
   * room for the three micro-batches that a pass over spilled streams holds.
   */
  private static final int ACTIVATIONS = 12;

  /**
   * Forecasts a model.
   *
   * @param decoder knows the tensors and their shapes
   * @return the forecast
   */
  public static MemoryForecast of(Decoder decoder) {
    requireNonNull(decoder, "decoder");
    ModelConfig config = decoder.config();
    long[] blocks =
        IntStream.range(0, config.layers().size()).mapToLong(i -> blockBytes(decoder, i)).toArray();
    long largest = IntStream.range(0, blocks.length).mapToLong(i -> blocks[i]).max().orElse(0);
    long all = IntStream.range(0, blocks.length).mapToLong(i -> blocks[i]).sum();
    int widest =
        config.layers().stream().mapToInt(LayerShape::intermediateSize).max().orElse(0)
            + config.hiddenSize();
    long activations = (long) ACTIVATIONS * Sweep.TOKENS_PER_BATCH * widest * Float.BYTES;
    return new MemoryForecast(
        largest, all, BLOCK_COPIES * largest + activations + LanguageHead.WORKING_BYTES, 0);
  }

  private static long blockBytes(Decoder decoder, int layer) {
    return groupTensors(decoder, layer).stream()
            .map(decoder.tensors()::get)
            .mapToLong(Shape::size)
            .sum()
        * Float.BYTES;
  }

  /**
   * Names what takes the memory of a layer: all but its norms and the biases of consumers, vectors
   * of no weight.
   */
  static ImmutableSet<String> groupTensors(Decoder decoder, int layer) {
    return decoder.groups(layer).stream()
        .flatMap(group -> group.slices().stream())
        .map(TensorSlice::tensor)
        .collect(toImmutableSet());
  }

  /**
   * Adds what a pass holds in memory besides.
   *
   * @param bytes such as second moments
   * @return the forecast with more working memory
   */
  public MemoryForecast plus(long bytes) {
    return new MemoryForecast(largestBlockBytes, allBlocksBytes, workingBytes + bytes, streamBytes);
  }

  /**
   * Adds residual streams.
   *
   * @param bytes windows x length x hidden_size x 4, of all streams
   * @return the forecast with more streams
   */
  public MemoryForecast withStreams(long bytes) {
    return new MemoryForecast(largestBlockBytes, allBlocksBytes, workingBytes, streamBytes + bytes);
  }

  /**
   * Decides how many layers stay in memory.
   *
   * @param budget for the whole process
   * @param residentNow what the process had before it worked, where it is known
   * @return at least 0; at least the number of layers where all may stay
   */
  int residentLayers(MemoryBudget budget, OptionalLong residentNow) {
    long free = freeBytes(budget, residentNow);
    if (free >= allBlocksBytes) {
      return Integer.MAX_VALUE;
    }
    // the first room is for the layer that is read ahead: it hides the reading of all that do not
    // stay, and staying saves the reading of one
    return (int) Math.max(0, layersIn(free) - 1);
  }

  /**
   * Decides whether a layer is read while the one before it computes.
   *
   * @param budget for the whole process
   * @param residentNow what the process had before it worked, where it is known
   * @return true where there is room for a second layer beside the one at work
   */
  boolean readsAhead(MemoryBudget budget, OptionalLong residentNow) {
    return freeBytes(budget, residentNow) >= largestBlockBytes;
  }

  /**
   * Decides where the residual streams are.
   *
   * @param budget for the whole process
   * @param residentNow what the process had before it worked, where it is known
   * @return true where they wait in a scratch file: they do not fit even if no layer stays
   */
  boolean spillsStreams(MemoryBudget budget, OptionalLong residentNow) {
    return streamBytes > Math.max(0, besideTheWork(budget, residentNow));
  }

  /** What is left for layers. */
  private long freeBytes(MemoryBudget budget, OptionalLong residentNow) {
    return besideTheWork(budget, residentNow)
        - (spillsStreams(budget, residentNow) ? 0 : streamBytes);
  }

  private long besideTheWork(MemoryBudget budget, OptionalLong residentNow) {
    // the engine grows to its size with its first work
    return budget.bytes() - Math.max(PROCESS_BYTES, residentNow.orElse(0)) - workingBytes;
  }

  private long layersIn(long bytes) {
    return largestBlockBytes == 0 ? 0 : bytes / largestBlockBytes;
  }

  /**
   * Returns the smallest budget that can be kept.
   *
   * @return bytes of the process with one layer and one micro-batch in memory at a time
   */
  public long smallestBudget() {
    return PROCESS_BYTES + workingBytes;
  }

  /**
   * Forecasts the peak of the resident set: with the layers that stay, or that are read ahead.
   *
   * @param budget for the whole process
   * @return bytes
   */
  public long peakBytes(MemoryBudget budget) {
    OptionalLong unknown = OptionalLong.empty();
    long free = Math.max(0, freeBytes(budget, unknown));
    return smallestBudget()
        + (spillsStreams(budget, unknown) ? 0 : streamBytes)
        + (free >= allBlocksBytes ? allBlocksBytes : layersIn(free) * largestBlockBytes);
  }
}

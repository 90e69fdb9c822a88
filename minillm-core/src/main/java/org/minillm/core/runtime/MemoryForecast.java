package org.minillm.core.runtime;

import static com.google.common.collect.ImmutableSet.toImmutableSet;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableSet;
import com.google.common.math.LongMath;
import java.math.RoundingMode;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.TensorSlice;

/**
 * What a pass over a model needs in memory. Weights are float32 in memory whatever they are in the
 * file.
 */
public final class MemoryForecast {

  /** The JVM, the engine's code and its thread pools, before any weight is read (measured). */
  static final long PROCESS_BYTES = 350L << 20;

  private static final int BLOCK_COPIES = 2;
  private static final int BYTES_PER_MB = 1_000_000;
  private static final int BITS_PER_MEBIBYTE = 20;

  /**
   * Arrays as wide as a token is in a block; of LLaMA-7B's shapes 10 were measured. One more has
   * room for the three micro-batches that a pass over spilled streams holds.
   */
  private static final int ACTIVATIONS = 11;

  /** Float32 weights of the largest layer. */
  private final long largestBlockBytes;

  /** Float32 weights of all layers. */
  private final long allBlocksBytes;

  /**
   * Float32 weights of the language head, for a pass that keeps it in memory where the budget has
   * room for it and all layers; else 0.
   */
  private final long headBytes;

  /**
   * What a pass holds beside resident layers: the block at work, its perturbed copy, activations
   * and scores of one micro-batch, a chunk of the language head.
   */
  private final long workingBytes;

  /**
   * The residual streams of a text, which wait in a scratch file where the budget has no room for
   * all of them.
   */
  private final long streamBytes;

  MemoryForecast(
      long largestBlockBytes,
      long allBlocksBytes,
      long headBytes,
      long workingBytes,
      long streamBytes) {
    this.largestBlockBytes = largestBlockBytes;
    this.allBlocksBytes = allBlocksBytes;
    this.headBytes = headBytes;
    this.workingBytes = workingBytes;
    this.streamBytes = streamBytes;
  }

  /**
   * Forecasts a pass over texts of one length.
   *
   * @param decoder knows the tensors and their shapes
   * @param rows texts that go through a layer together
   * @param length tokens of each
   * @return the forecast
   */
  static MemoryForecast of(Decoder decoder, long rows, long length) {
    ModelConfig config = decoder.config();
    long[] blocks =
        IntStream.range(0, config.layers().size()).mapToLong(i -> blockBytes(decoder, i)).toArray();
    long largest = IntStream.range(0, blocks.length).mapToLong(i -> blocks[i]).max().orElse(0);
    long all = IntStream.range(0, blocks.length).mapToLong(i -> blocks[i]).sum();
    long tokens = Math.max(ResidualStream.TOKENS_PER_BATCH, rows * length);
    return new MemoryForecast(
        largest,
        all,
        0,
        BLOCK_COPIES * largest
            + ACTIVATIONS * tokens * widest(config) * Float.BYTES
            + decoder.positionBytes(rows, length)
            + decoder.attentionBytes(rows, length)
            + LanguageHead.workingBytes(tokens),
        0);
  }

  /**
   * Forecasts a pass by the streams that it takes along.
   *
   * @param pass not begun
   * @param model whose layers it goes through
   * @return the forecast, without what the pass sums and records at a layer
   */
  public static MemoryForecast of(Pass pass, CausalLm model) {
    requireNonNull(pass, "pass");
    requireNonNull(model, "model");
    List<ResidualStream> streams = pass.streams();
    MemoryForecast ofLayers =
        streams.stream().mapToInt(stream -> stream.layout().length()).max().stream()
            .mapToObj(model::memoryForecast)
            .findFirst()
            .orElseGet(model::memoryForecast);
    return ofLayers.withStreams(streams.stream().mapToLong(ResidualStream::bytes).sum());
  }

  /**
   * Forecasts work that is done after other work, in the memory that it leaves.
   *
   * @param other of the same model
   * @return enough for both
   */
  public MemoryForecast or(MemoryForecast other) {
    requireNonNull(other, "other");
    return new MemoryForecast(
        Math.max(largestBlockBytes, other.largestBlockBytes),
        Math.max(allBlocksBytes, other.allBlocksBytes),
        Math.max(headBytes, other.headBytes),
        Math.max(workingBytes, other.workingBytes),
        Math.max(streamBytes, other.streamBytes));
  }

  /**
   * Returns the weights of the largest layer.
   *
   * @return bytes of float32
   */
  public long largestBlockBytes() {
    return largestBlockBytes;
  }

  /**
   * Returns the weights of all layers.
   *
   * @return bytes of float32
   */
  public long allBlocksBytes() {
    return allBlocksBytes;
  }

  /**
   * Returns the weights of a language head that stays in memory where there is room.
   *
   * @return bytes of float32; 0 where none does
   */
  public long headBytes() {
    return headBytes;
  }

  /**
   * Returns what a pass holds beside resident layers.
   *
   * @return bytes
   */
  public long workingBytes() {
    return workingBytes;
  }

  /**
   * Returns what the residual streams take, in memory or in a scratch file.
   *
   * @return bytes
   */
  public long streamBytes() {
    return streamBytes;
  }

  /** Numbers that a token is in a block: in its MLP, and in the stream or in attention. */
  private static long widest(ModelConfig config) {
    long headWidth = (long) config.queryHeadsPerKeyValueHead() * config.headDim();
    return config.layers().stream()
        .mapToLong(
            layer ->
                layer.intermediateSize()
                    + Math.max(config.hiddenSize(), layer.keyValueHeads() * headWidth))
        .max()
        .orElse(config.hiddenSize());
  }

  /**
   * Forecasts work that reads no weights into memory, such as a cut from file to file.
   *
   * @return the process alone
   */
  public static MemoryForecast ofTheProcess() {
    return new MemoryForecast(0, 0, 0, 0, 0);
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
    return new MemoryForecast(
        largestBlockBytes, allBlocksBytes, headBytes, workingBytes + bytes, streamBytes);
  }

  /**
   * Adds residual streams.
   *
   * @param bytes windows x length x hidden_size x 4, of all streams
   * @return the forecast with more streams
   */
  public MemoryForecast withStreams(long bytes) {
    return new MemoryForecast(
        largestBlockBytes, allBlocksBytes, headBytes, workingBytes, streamBytes + bytes);
  }

  /**
   * Adds a language head that stays in memory where there is room for it.
   *
   * @param bytes of its float32 weights
   * @return the forecast with the head
   */
  MemoryForecast withHead(long bytes) {
    return new MemoryForecast(largestBlockBytes, allBlocksBytes, bytes, workingBytes, streamBytes);
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
   * Decides whether the language head stays in memory, for a pass that asks for it.
   *
   * @param budget for the whole process
   * @param residentNow what the process had before it worked, where it is known
   * @return true where there is room for it beside all layers
   */
  boolean keepsHead(MemoryBudget budget, OptionalLong residentNow) {
    return headBytes > 0 && freeBytes(budget, residentNow) >= allBlocksBytes + headBytes;
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
   * Says why a budget cannot be kept.
   *
   * @param budget for the whole process
   * @param model what the work is on
   * @return a sentence to which a remedy is to be added: {@link #smallestBudgetInWords}; empty
   *     where the budget can be kept
   */
  public Optional<String> shortfall(MemoryBudget budget, String model) {
    return budget.bytes() >= smallestBudget()
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT,
                "memory budget %s: this work on %s takes about %,d MB with one layer in memory at a"
                    + " time",
                budget,
                model,
                smallestBudget() / BYTES_PER_MB));
  }

  /**
   * Returns the smallest budget that can be kept, as {@link MemoryBudget#parse} reads it.
   *
   * @return whole mebibytes, rounded up
   */
  public String smallestBudgetInWords() {
    return LongMath.divide(smallestBudget(), 1L << BITS_PER_MEBIBYTE, RoundingMode.CEILING) + "m";
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
        + (free >= allBlocksBytes ? allBlocksBytes : layersIn(free) * largestBlockBytes)
        + (keepsHead(budget, unknown) ? headBytes : 0);
  }

  /**
   * Forecasts models that are open together, each with its part of a budget.
   *
   * @param forecasts one a model, at least 1
   * @param budget of all of them
   * @return bytes at the peak
   */
  public static long peakBytesTogether(Collection<MemoryForecast> forecasts, MemoryBudget budget) {
    requireNonNull(forecasts, "forecasts");
    requireNonNull(budget, "budget");
    MemoryBudget part = budget.sharedBy(forecasts.size());
    return PROCESS_BYTES
        + forecasts.stream().mapToLong(each -> each.peakBytes(part) - PROCESS_BYTES).sum();
  }

  private List<Long> fields() {
    return List.of(largestBlockBytes, allBlocksBytes, headBytes, workingBytes, streamBytes);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof MemoryForecast forecast && fields().equals(forecast.fields());
  }

  @Override
  public int hashCode() {
    return fields().hashCode();
  }

  @Override
  public String toString() {
    return fields().toString();
  }
}

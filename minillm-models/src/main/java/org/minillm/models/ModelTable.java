package org.minillm.models;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A whole model as a table, in the order of the computation. */
public final class ModelTable {

  private final LinearRow embedding;
  private final float embeddingScale;
  private final @Nullable LinearRow projectIn;
  private final @Nullable LearnedPositions learnedPositions;
  private final @Nullable NormRow embeddingNorm;
  private final ImmutableList<BlockTable> blocks;
  private final @Nullable NormRow lastNorm;
  private final @Nullable LinearRow projectOut;
  private final LinearRow head;

  /**
   * Learned positions, which are added to the embedding.
   *
   * @param path module path of the table (length + offset, hidden_size)
   * @param length how many positions there are
   * @param offset the row of position 0
   */
  public record LearnedPositions(String path, int length, int offset) {

    // Refuses nulls.
    public LearnedPositions {
      requireNonNull(path, "path");
    }

    String weight() {
      return path + ".weight";
    }
  }

  private ModelTable(Builder builder) {
    this.embedding = builder.embedding;
    this.embeddingScale = builder.embeddingScale;
    this.projectIn = builder.projectIn;
    this.learnedPositions = builder.learnedPositions;
    this.embeddingNorm = builder.embeddingNorm;
    this.blocks = builder.blocks;
    this.lastNorm = builder.lastNorm;
    this.projectOut = builder.projectOut;
    this.head = builder.head;
  }

  /**
   * Begins a table.
   *
   * @param embedding the token embedding, (vocab_size, width)
   * @param blocks the layers
   * @return a builder, whose head is the embedding
   */
  public static Builder of(LinearRow embedding, List<BlockTable> blocks) {
    requireNonNull(embedding, "embedding");
    requireNonNull(blocks, "blocks");
    return new Builder(embedding, ImmutableList.copyOf(blocks));
  }

  LinearRow embedding() {
    return embedding;
  }

  float embeddingScale() {
    return embeddingScale;
  }

  @Nullable LinearRow projectIn() {
    return projectIn;
  }

  @Nullable LearnedPositions learnedPositions() {
    return learnedPositions;
  }

  @Nullable NormRow embeddingNorm() {
    return embeddingNorm;
  }

  ImmutableList<BlockTable> blocks() {
    return blocks;
  }

  @Nullable NormRow lastNorm() {
    return lastNorm;
  }

  @Nullable LinearRow projectOut() {
    return projectOut;
  }

  LinearRow head() {
    return head;
  }

  /**
   * Finds out under which prefix a checkpoint stores the model: with or without the name that the
   * model has within a class with a head.
   *
   * @param stored the checkpoint's tensors
   * @param embedding the embedding's name without the prefix
   * @param prefixes those in use, the usual one first
   * @return the first under which the embedding is stored; the usual one where it is under none
   */
  public static String prefix(Map<String, Shape> stored, String embedding, String... prefixes) {
    requireNonNull(stored, "stored");
    requireNonNull(embedding, "embedding");
    requireNonNull(prefixes, "prefixes");
    return Stream.of(prefixes)
        .filter(prefix -> stored.containsKey(prefix + embedding))
        .findFirst()
        .orElse(prefixes[0]);
  }

  ImmutableMap<String, Shape> tensors(int hiddenSize) {
    ImmutableMap.Builder<String, Shape> all = ImmutableMap.builder();
    embedding.addTensors(all);
    if (projectIn != null) {
      projectIn.addTensors(all);
    }
    if (learnedPositions != null) {
      all.put(
          learnedPositions.weight(),
          new Shape((long) learnedPositions.length() + learnedPositions.offset(), hiddenSize));
    }
    if (embeddingNorm != null) {
      embeddingNorm.addTensors(all);
    }
    blocks.forEach(block -> block.addTensors(all));
    if (lastNorm != null) {
      lastNorm.addTensors(all);
    }
    if (projectOut != null) {
      projectOut.addTensors(all);
    }
    if (!head.equals(embedding)) {
      head.addTensors(all);
    }
    return all.buildOrThrow();
  }

  /** Gathers the parts of a {@link ModelTable}. */
  public static final class Builder {
    private final LinearRow embedding;
    private final ImmutableList<BlockTable> blocks;
    private float embeddingScale = 1;
    private @Nullable LinearRow projectIn;
    private @Nullable LearnedPositions learnedPositions;
    private @Nullable NormRow embeddingNorm;
    private @Nullable NormRow lastNorm;
    private @Nullable LinearRow projectOut;
    private LinearRow head;

    private Builder(LinearRow embedding, ImmutableList<BlockTable> blocks) {
      this.embedding = embedding;
      this.blocks = blocks;
      this.head = embedding;
    }

    /**
     * Multiplies what is embedded, before all else is done to it.
     *
     * @param factor such as sqrt(hidden_size); 1 unless chosen otherwise
     * @return this
     */
    public Builder embeddingScale(double factor) {
      this.embeddingScale = (float) factor;
      return this;
    }

    /**
     * Adds layers between the residual stream and an embedding of another width.
     *
     * @param in from the embedding's width to the residual stream
     * @param out from the residual stream to the width of the head
     * @return this
     */
    public Builder projected(LinearRow in, LinearRow out) {
      requireNonNull(in, "in");
      requireNonNull(out, "out");
      this.projectIn = in;
      this.projectOut = out;
      return this;
    }

    /**
     * Adds learned positions.
     *
     * @param positions are added to the embedding
     * @return this
     */
    public Builder learnedPositions(LearnedPositions positions) {
      requireNonNull(positions, "positions");
      this.learnedPositions = positions;
      return this;
    }

    /**
     * Adds a norm of the embedding.
     *
     * @param norm before the first layer
     * @return this
     */
    public Builder embeddingNorm(NormRow norm) {
      requireNonNull(norm, "norm");
      this.embeddingNorm = norm;
      return this;
    }

    /**
     * Adds a norm after the last layer.
     *
     * @param norm before the head
     * @return this
     */
    public Builder lastNorm(NormRow norm) {
      requireNonNull(norm, "norm");
      this.lastNorm = norm;
      return this;
    }

    /**
     * Gives the model a head of its own.
     *
     * @param chosen (vocab_size, width); the embedding, unless chosen otherwise
     * @return this
     */
    public Builder head(LinearRow chosen) {
      requireNonNull(chosen, "chosen");
      this.head = chosen;
      return this;
    }

    /**
     * Makes the table.
     *
     * @return the table
     */
    public ModelTable build() {
      return new ModelTable(this);
    }
  }
}

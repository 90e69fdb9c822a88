package org.minillm.models;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightSource;

/**
 * One layer of a model as a table: attention and an MLP, each with a norm and added to the stream.
 * Its tensors, its pruning groups and its computation all follow.
 */
public final class BlockTable {

  /** Separate layers for queries, keys and values. */
  private static final int SEPARATE = 3;

  private final NormRow attentionNorm;
  private final ImmutableList<LinearRow> projections;
  private final @Nullable NormRow queryNorm;
  private final @Nullable NormRow keyNorm;
  private final LinearRow output;
  private final NormRow mlpNorm;
  private final ImmutableList<LinearRow> producers;
  private final LinearRow down;
  private final NormPlacement placement;
  private final UnaryOperator<NDArray> activation;

  private BlockTable(Builder builder) {
    this.attentionNorm = builder.attentionNorm;
    this.projections = builder.projections;
    this.queryNorm = builder.queryNorm;
    this.keyNorm = builder.keyNorm;
    this.output = builder.output;
    this.mlpNorm = requireNonNull(builder.mlpNorm);
    this.producers = builder.producers;
    this.down = requireNonNull(builder.down);
    this.placement = builder.placement;
    this.activation = builder.activation;
  }

  /**
   * Begins a table with its attention.
   *
   * @param norm of the attention
   * @param projections one fused layer, whose rows are, head after head, its query, key and value;
   *     or a layer each for queries, keys and values
   * @param output reads all heads
   * @return a builder, which needs an MLP
   */
  public static Builder attention(NormRow norm, List<LinearRow> projections, LinearRow output) {
    requireNonNull(norm, "norm");
    requireNonNull(projections, "projections");
    requireNonNull(output, "output");
    checkArgument(
        projections.size() == 1 || projections.size() == SEPARATE,
        "%s projections, expected one fused layer or three",
        projections.size());
    return new Builder(norm, ImmutableList.copyOf(projections), output);
  }

  void addTensors(ImmutableMap.Builder<String, Shape> all) {
    attentionNorm.addTensors(all);
    projections.forEach(layer -> layer.addTensors(all));
    if (queryNorm != null && keyNorm != null) {
      queryNorm.addTensors(all);
      keyNorm.addTensors(all);
    }
    output.addTensors(all);
    mlpNorm.addTensors(all);
    producers.forEach(layer -> layer.addTensors(all));
    down.addTensors(all);
  }

  ImmutableList<PruningGroup> groups(int layer, LayerShape shape) {
    return ImmutableList.of(
        group(new GroupId(layer, GroupKind.MLP_CHANNELS), shape, producers, down),
        group(new GroupId(layer, GroupKind.ATTENTION_HEADS), shape, projections, output));
  }

  private static PruningGroup group(
      GroupId id, LayerShape shape, ImmutableList<LinearRow> producers, LinearRow consumer) {
    int units = shape.units(id.kind());
    List<TensorSlice> slices = new ArrayList<>();
    for (LinearRow producer : producers) {
      int width = producer.out() / units;
      slices.add(new TensorSlice(producer.weight(), 0, width, producers.get(0).path()));
      if (producer.hasBias()) {
        slices.add(new TensorSlice(producer.bias(), 0, width, null));
      }
    }
    slices.add(new TensorSlice(consumer.weight(), 1, consumer.in() / units, consumer.path()));
    PruningGroup group = new PruningGroup(id, units, slices);
    return consumer.hasBias() ? group.withConsumerBias(consumer.bias()) : group;
  }

  ValueProjection values(int headDim) {
    LinearRow layer = projections.get(projections.size() - 1);
    return new ValueProjection(
        layer.weight(),
        layer.hasBias() ? layer.bias() : null,
        Projection.valueRows(projections.size(), layer.out(), headDim),
        projections.get(0).path());
  }

  TransformerBlock open(WeightSource weights, NDManager owner, PositionScheme scheme, int headDim)
      throws IOException {
    Norm firstNorm = attentionNorm.open(weights, owner);
    Projection projection =
        queryNorm == null || keyNorm == null
            ? Projection.of(open(projections, weights, owner), headDim)
            : Projection.normed(
                open(projections, weights, owner),
                queryNorm.open(weights, owner),
                keyNorm.open(weights, owner),
                headDim);
    Attention attention =
        new Attention(
            projections.get(0).path(),
            output.path(),
            projection,
            output.open(weights, owner),
            scheme,
            owner.create((float) (1 / Math.sqrt(headDim))),
            Attention.SCORE_BYTES);
    Norm secondNorm = mlpNorm.open(weights, owner);
    Mlp mlp =
        new Mlp(
            producers.get(0).path(),
            down.path(),
            open(producers, weights, owner),
            activation,
            down.open(weights, owner));
    return new TransformerBlock(placement, firstNorm, attention, secondNorm, mlp);
  }

  private static ImmutableList<Linear> open(
      ImmutableList<LinearRow> rows, WeightSource weights, NDManager owner) throws IOException {
    ImmutableList.Builder<Linear> layers = ImmutableList.builder();
    for (LinearRow row : rows) {
      layers.add(row.open(weights, owner));
    }
    return layers.build();
  }

  /** Gathers the rows of a {@link BlockTable}. */
  public static final class Builder {
    private final NormRow attentionNorm;
    private final ImmutableList<LinearRow> projections;
    private final LinearRow output;
    private @Nullable NormRow queryNorm;
    private @Nullable NormRow keyNorm;
    private @Nullable NormRow mlpNorm;
    private ImmutableList<LinearRow> producers = ImmutableList.of();
    private @Nullable LinearRow down;
    private NormPlacement placement = NormPlacement.BEFORE;
    private UnaryOperator<NDArray> activation = Nonlinearity.SILU;

    private Builder(NormRow attentionNorm, ImmutableList<LinearRow> projections, LinearRow output) {
      this.attentionNorm = attentionNorm;
      this.projections = projections;
      this.output = output;
    }

    /**
     * Adds norms of each head's queries and keys, before positions enter (Qwen3, for one). Their
     * weights are those of all heads, and stay when heads go.
     *
     * @param query of head_dim channels
     * @param key of head_dim channels
     * @return this
     */
    public Builder headNorms(NormRow query, NormRow key) {
      requireNonNull(query, "query");
      requireNonNull(key, "key");
      checkArgument(
          projections.size() == SEPARATE, "norms of heads need a layer each for queries and keys");
      this.queryNorm = query;
      this.keyNorm = key;
      return this;
    }

    /**
     * Adds the MLP.
     *
     * @param norm of the MLP
     * @param makers one layer that makes the channels; or two, the first of them the gate of the
     *     second (Shazeer, arXiv 2002.05202)
     * @param reader reads the channels
     * @return this
     */
    public Builder mlp(NormRow norm, List<LinearRow> makers, LinearRow reader) {
      requireNonNull(norm, "norm");
      requireNonNull(makers, "makers");
      requireNonNull(reader, "reader");
      checkArgument(
          makers.size() == 1 || makers.size() == 2,
          "%s layers make the channels, expected 1 or 2",
          makers.size());
      this.mlpNorm = norm;
      this.producers = ImmutableList.copyOf(makers);
      this.down = reader;
      return this;
    }

    /**
     * Chooses where the norms stand.
     *
     * @param chosen before the sublayers, unless chosen otherwise
     * @return this
     */
    public Builder placement(NormPlacement chosen) {
      requireNonNull(chosen, "chosen");
      this.placement = chosen;
      return this;
    }

    /**
     * Chooses the activation of the MLP.
     *
     * @param chosen of {@link Nonlinearity}, or one of your own: makes a new array on the manager
     *     of what it is given, which it does not write to; {@link Nonlinearity#SILU}, unless chosen
     *     otherwise
     * @return this
     */
    public Builder activation(UnaryOperator<NDArray> chosen) {
      requireNonNull(chosen, "chosen");
      this.activation = chosen;
      return this;
    }

    /**
     * Makes the table.
     *
     * @return the table
     * @throws IllegalStateException if there is no MLP
     */
    public BlockTable build() {
      checkState(mlpNorm != null && down != null, "a layer without an MLP");
      return new BlockTable(this);
    }
  }
}

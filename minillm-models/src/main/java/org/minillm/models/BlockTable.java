package org.minillm.models;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.model.ValueProjection;
import org.minillm.core.model.WeightSource;

/**
 * One layer of a model as a table. Its tensors, its pruning groups and its computation all follow.
 *
 * @param attentionNorm the norm of the attention
 * @param projections one fused layer of queries, keys and values, or one layer for each
 * @param output reads all heads
 * @param mlpNorm the norm of the MLP
 * @param producers one layer that makes the MLP's channels, or a gate and what it gates
 * @param down reads the MLP's channels
 * @param placement where the norms stand
 * @param activation of the MLP
 */
record BlockTable(
    Norm.Row attentionNorm,
    ImmutableList<Linear.Row> projections,
    Linear.Row output,
    Norm.Row mlpNorm,
    ImmutableList<Linear.Row> producers,
    Linear.Row down,
    NormPlacement placement,
    Nonlinearity activation) {

  void addTensors(ImmutableMap.Builder<String, Shape> all) {
    attentionNorm.addTensors(all);
    projections.forEach(layer -> layer.addTensors(all));
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
      GroupId id, LayerShape shape, ImmutableList<Linear.Row> producers, Linear.Row consumer) {
    int units = shape.units(id.kind());
    List<TensorSlice> slices = new ArrayList<>();
    for (Linear.Row producer : producers) {
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
    Linear.Row layer = projections.get(projections.size() - 1);
    return new ValueProjection(
        layer.weight(),
        layer.hasBias() ? layer.bias() : null,
        Projection.valueRows(projections.size(), layer.out(), headDim),
        projections.get(0).path());
  }

  TransformerBlock open(WeightSource weights, NDManager owner, PositionScheme scheme, int headDim)
      throws IOException {
    Norm firstNorm = attentionNorm.open(weights, owner);
    Projection projection = Projection.of(open(projections, weights, owner), headDim);
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
      ImmutableList<Linear.Row> rows, WeightSource weights, NDManager owner) throws IOException {
    ImmutableList.Builder<Linear> layers = ImmutableList.builder();
    for (Linear.Row row : rows) {
      layers.add(row.open(weights, owner));
    }
    return layers.build();
  }
}

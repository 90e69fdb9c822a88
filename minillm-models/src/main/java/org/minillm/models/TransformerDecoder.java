package org.minillm.models;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.DecoderBlock;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightSource;

/** A decoder-only transformer of any family, computed as its table says. */
public final class TransformerDecoder implements Decoder {

  private final FamilyConfig family;
  private final ModelConfig config;
  private final ModelTable table;
  private final ImmutableMap<String, Shape> tensors;

  /**
   * Makes the decoder of a model.
   *
   * @param family the parsed config.json, in the words of its family
   */
  public TransformerDecoder(FamilyConfig family) {
    requireNonNull(family, "family");
    this.family = family;
    this.config = family.sizes();
    this.table = family.table();
    this.tensors = table.tensors(config.hiddenSize());
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public ImmutableMap<String, Shape> tensors() {
    return tensors;
  }

  @Override
  public ImmutableList<PruningGroup> groups(int layer) {
    return table.blocks().get(layer).groups(layer, config.layers().get(layer));
  }

  @Override
  public ValueProjection values(int layer) {
    return table.blocks().get(layer).values(config.headDim());
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    return family.render(layers);
  }

  @Override
  public Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers) {
    return family.stockLoaderObstacle(loader, layers);
  }

  @Override
  public Optional<String> codeObstacle(List<LayerShape> layers) {
    return family.codeObstacle(layers);
  }

  @Override
  public ModelCode code(List<LayerShape> layers) {
    return family.code(layers);
  }

  @Override
  public NDArray embed(
      RowSource rows, WeightSource weights, int[][] ids, TokenLayout layout, NDManager owner)
      throws IOException {
    int time = ids[0].length;
    int[] flat = Ints.concat(ids);
    try (NDManager scratch = owner.newSubManager()) {
      NDArray embedded =
          rows.gather(table.embedding().weight(), flat, scratch)
              .reshape(ids.length, time, table.embedding().in());
      if (table.embeddingScale() != 1) {
        embedded = embedded.mul(table.embeddingScale());
      }
      if (table.projectIn() != null) {
        embedded = table.projectIn().open(weights, scratch).apply(embedded);
      }
      if (table.learnedPositions() != null) {
        embedded = embedded.add(learned(table.learnedPositions(), rows, layout, scratch));
      }
      if (table.embeddingNorm() != null) {
        embedded = table.embeddingNorm().open(weights, scratch).apply(embedded);
      }
      embedded.attach(owner);
      return embedded;
    }
  }

  /** Returns (rows, time, width), for one row where all are alike. */
  private static NDArray learned(
      ModelTable.LearnedPositions table, RowSource rows, TokenLayout layout, NDManager owner)
      throws IOException {
    int[] positions = Ints.concat(layout.positions());
    int tokens = Ints.max(positions) + 1;
    checkArgument(
        tokens <= table.length(),
        "%s tokens in a row, but %s has %s positions (max_position_embeddings); use shorter windows",
        tokens,
        table.path(),
        table.length());
    int[] stored = Arrays.stream(positions).map(position -> table.offset() + position).toArray();
    NDArray gathered = rows.gather(table.weight(), stored, owner);
    return gathered.reshape(layout.rows(), layout.length(), gathered.getShape().get(1));
  }

  @Override
  public Positions positions(TokenLayout layout, NDManager owner) {
    requireInWindow(layout);
    return new Positions(
        layout,
        Attention.sharedMask(layout, owner),
        new NDList(family.positions().tables(layout, owner)));
  }

  private void requireInWindow(TokenLayout layout) {
    family
        .attentionWindow()
        .ifPresent(
            window -> {
              int tokens = Ints.max(Ints.concat(layout.positions())) + 1;
              checkArgument(
                  tokens <= window,
                  "%s tokens in a row, but attention sees %s (sliding_window), and a window that slides is not computed here; use shorter texts",
                  tokens,
                  window);
            });
  }

  @Override
  public long positionBytes(long rows, long length) {
    return Attention.bytesOfSharedMask(rows, length) + family.positions().tableBytes(rows, length);
  }

  @Override
  public long attentionBytes(long rows, long length) {
    long heads =
        (long) config.layers().stream().mapToInt(LayerShape::keyValueHeads).max().orElse(0)
            * config.queryHeadsPerKeyValueHead();
    return Attention.bytes(rows, length, heads);
  }

  @Override
  public DecoderBlock block(int layer, WeightSource weights, NDManager owner) throws IOException {
    PositionScheme scheme = family.positions().inLayer(config.layers().get(layer), owner);
    return table.blocks().get(layer).open(weights, owner, scheme, config.headDim());
  }

  @Override
  public NDArray finalHidden(WeightSource weights, NDArray hidden) throws IOException {
    NDManager owner = hidden.getManager();
    NDArray result =
        table.lastNorm() == null ? hidden : table.lastNorm().open(weights, owner).apply(hidden);
    return table.projectOut() == null
        ? result
        : table.projectOut().open(weights, owner).apply(result);
  }

  @Override
  public String headTensor() {
    return table.head().weight();
  }
}

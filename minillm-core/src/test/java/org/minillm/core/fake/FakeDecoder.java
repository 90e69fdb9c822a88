package org.minillm.core.fake;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.DecoderBlock;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightSource;

/**
 * The smallest decoder that passes can be tried on: a layer adds down (up h) to the stream h, with
 * no norm, no attention and nothing that is not linear, so that a person can follow every number.
 */
final class FakeDecoder implements Decoder {

  static final String CHANNELS = "channels";
  static final int HIDDEN = 2;
  static final int VOCABULARY = 4;
  private static final int LONGEST = 4096;
  private static final String EMBEDDING = "embed";
  private static final String HEAD = "head";

  private final ModelConfig config;

  FakeDecoder(ImmutableList<LayerShape> layers) {
    this.config =
        ModelConfig.builder(FakeArchitecture.NAME, layers)
            .hiddenSize(HIDDEN)
            .vocabSize(VOCABULARY)
            .maxPositions(LONGEST)
            .headDim(1)
            .build();
  }

  private static String up(int layer) {
    return "layers." + layer + ".up";
  }

  private static String down(int layer) {
    return "layers." + layer + ".down";
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public ImmutableMap<String, Shape> tensors() {
    ImmutableMap.Builder<String, Shape> tensors = ImmutableMap.builder();
    tensors.put(EMBEDDING, new Shape(VOCABULARY, HIDDEN));
    for (int layer = 0; layer < config.layers().size(); layer++) {
      int channels = config.layers().get(layer).intermediateSize();
      tensors.put(up(layer), new Shape(channels, HIDDEN));
      tensors.put(down(layer), new Shape(HIDDEN, channels));
    }
    return tensors.put(HEAD, new Shape(VOCABULARY, HIDDEN)).buildOrThrow();
  }

  @Override
  public ImmutableList<PruningGroup> groups(int layer) {
    return ImmutableList.of(
        new PruningGroup(
            new GroupId(layer, GroupKind.MLP_CHANNELS),
            config.layers().get(layer).intermediateSize(),
            List.of(
                new TensorSlice(up(layer), 0, 1, up(layer)),
                new TensorSlice(down(layer), 1, 1, down(layer)))));
  }

  @Override
  public ValueProjection values(int layer) {
    throw new UnsupportedOperationException("no attention");
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    JsonArray channels = new JsonArray();
    layers.forEach(layer -> channels.add(layer.intermediateSize()));
    JsonObject json = new JsonObject();
    json.addProperty("model_type", FakeArchitecture.NAME);
    json.add(CHANNELS, channels);
    return json;
  }

  @Override
  public Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers) {
    return Optional.of("nobody else knows this family");
  }

  @Override
  public NDArray embed(
      RowSource rows, WeightSource weights, int[][] ids, TokenLayout layout, NDManager owner)
      throws IOException {
    return rows.gather(EMBEDDING, Ints.concat(ids), owner)
        .reshape(ids.length, ids[0].length, HIDDEN);
  }

  @Override
  public Positions positions(TokenLayout layout, NDManager owner) {
    return new Positions(layout, null, new NDList());
  }

  @Override
  public long positionBytes(long rows, long length) {
    return 0;
  }

  @Override
  public long attentionBytes(long rows, long length) {
    return 0;
  }

  @Override
  public DecoderBlock block(int layer, WeightSource weights, NDManager owner) throws IOException {
    NDArray up = weights.read(up(layer), owner);
    NDArray down = weights.read(down(layer), owner);
    return (hidden, positions, cache, tap) -> {
      NDArray input = tap.read(up(layer), hidden);
      NDArray channels = tap.read(down(layer), input.matMul(up.transpose()));
      NDArray sum = hidden.add(channels.matMul(down.transpose()));
      tap.sublayer(
          new BlockTap.Sublayer(
              hidden, ImmutableMap.of(up(layer), input, down(layer), channels), sum, true));
      return sum;
    };
  }

  @Override
  public NDArray finalHidden(WeightSource weights, NDArray hidden) {
    return hidden;
  }

  @Override
  public String headTensor() {
    return HEAD;
  }
}

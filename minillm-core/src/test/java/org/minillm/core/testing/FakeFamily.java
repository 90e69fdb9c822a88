package org.minillm.core.testing;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.model.Architecture;
import org.minillm.core.model.BlockTap;
import org.minillm.core.model.Decoder;
import org.minillm.core.model.DecoderBlock;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.ModelConfig;
import org.minillm.core.model.Positions;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.model.TokenLayout;
import org.minillm.core.model.ValueProjection;
import org.minillm.core.model.WeightSource;

/**
 * A family that can be computed by hand: a layer is {@code x + down (up x)}, with no norm, no
 * attention and no nonlinearity; the head is the embedding.
 */
public final class FakeFamily implements Architecture {

  static final String NAME = "fake";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (JsonElement channels : config.getAsJsonArray("channels")) {
      layers.add(new LayerShape(1, channels.getAsInt()));
    }
    return new FakeDecoder(
        new ModelConfig(
            NAME,
            config.get("hidden_size").getAsInt(),
            config.get("vocab_size").getAsInt(),
            Integer.MAX_VALUE,
            1,
            1,
            true,
            layers.build()));
  }

  static String up(int layer) {
    return "layers." + layer + ".up.weight";
  }

  static String down(int layer) {
    return "layers." + layer + ".down.weight";
  }

  private record FakeDecoder(ModelConfig config) implements Decoder {

    @Override
    public ImmutableMap<String, Shape> tensors() {
      ImmutableMap.Builder<String, Shape> tensors = ImmutableMap.builder();
      tensors.put("embedding.weight", new Shape(config.vocabSize(), config.hiddenSize()));
      for (int layer = 0; layer < config.layers().size(); layer++) {
        int channels = config.layers().get(layer).intermediateSize();
        tensors.put(up(layer), new Shape(channels, config.hiddenSize()));
        tensors.put(down(layer), new Shape(config.hiddenSize(), channels));
      }
      return tensors.buildOrThrow();
    }

    @Override
    public ImmutableList<PruningGroup> groups(int layer) {
      return ImmutableList.of(
          new PruningGroup(
              new GroupId(layer, GroupKind.MLP_CHANNELS),
              config.layers().get(layer).intermediateSize(),
              List.of(
                  new TensorSlice(up(layer), 0, 1, "up" + layer),
                  new TensorSlice(down(layer), 1, 1, "down" + layer))));
    }

    @Override
    public ValueProjection values(int layer) {
      return new ValueProjection(up(layer), null, ImmutableIntArray.of(), "up" + layer);
    }

    @Override
    public JsonObject render(List<LayerShape> layers) {
      JsonObject config = new JsonObject();
      config.addProperty("model_type", NAME);
      config.addProperty("hidden_size", this.config.hiddenSize());
      config.addProperty("vocab_size", this.config.vocabSize());
      JsonArray channels = new JsonArray();
      layers.forEach(layer -> channels.add(layer.intermediateSize()));
      config.add("channels", channels);
      return config;
    }

    @Override
    public Optional<String> stockLoaderObstacle(List<LayerShape> layers) {
      return Optional.of("nobody else knows this family");
    }

    @Override
    public NDArray embed(
        RowSource rows, WeightSource weights, int[][] ids, TokenLayout layout, NDManager owner)
        throws IOException {
      return rows.gather("embedding.weight", Ints.concat(ids), owner)
          .reshape(ids.length, ids[0].length, config.hiddenSize());
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
        NDArray input = tap.read("up" + layer, hidden);
        NDArray channels = tap.read("down" + layer, input.matMul(up.transpose()));
        NDArray after = channels.matMul(down.transpose()).add(hidden);
        tap.sublayer(
            new BlockTap.Sublayer(
                hidden,
                ImmutableMap.of("up" + layer, input, "down" + layer, channels),
                after,
                true));
        return after;
      };
    }

    @Override
    public NDArray finalHidden(WeightSource weights, NDArray hidden) {
      return hidden.duplicate();
    }

    @Override
    public String headTensor() {
      return "embedding.weight";
    }
  }
}

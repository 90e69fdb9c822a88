package org.minillm.core.fake;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.LayerShape;

/** The family of {@link FakeDecoder}, found under the model type {@value #NAME}. */
public final class FakeArchitecture implements Architecture {

  static final String NAME = "fake";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (JsonElement channels : config.getAsJsonArray(FakeDecoder.CHANNELS)) {
      layers.add(new LayerShape(1, channels.getAsInt()));
    }
    return new FakeDecoder(layers.build());
  }
}

package org.minillm.examples;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;
import org.minillm.models.LlamaVariant;
import org.minillm.models.Nonlinearity;

/**
 * A family in a jar of its own: LLaMA with a scaled embedding and another activation, as Gemma has
 * them.
 */
public final class ScaledLlamaArchitecture implements Architecture {

  private static final LlamaVariant SCALED =
      LlamaVariant.LLAMA
          .embeddingScale(sizes -> Math.sqrt(sizes.hiddenSize()))
          .activation("gelu_pytorch_tanh", Nonlinearity.GELU_TANH);

  /** For the service loader. */
  public ScaledLlamaArchitecture() {}

  @Override
  public String name() {
    return "scaled_llama";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return SCALED.decoder(config, tensors);
  }
}

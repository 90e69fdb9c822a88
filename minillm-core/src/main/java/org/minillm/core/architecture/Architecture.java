package org.minillm.core.architecture;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.plugin.Plugin;

/** A family of models, found under the {@code model_type} of config.json. */
public interface Architecture extends Plugin {

  /**
   * Returns the family's name in config.json.
   *
   * @return for example {@code llama}
   */
  @Override
  String name();

  /**
   * Reads a model's configuration.
   *
   * @param config the parsed config.json
   * @param tensors what the checkpoint has: some families are published with and without a prefix,
   *     and config.json does not tell; and a count that is larger than any tensor is to be refused
   *     before something is made of it. Empty where the checkpoint is still to be made
   * @return the model that it describes
   * @throws IllegalArgumentException if a key is missing, has the wrong type, or asks for something
   *     that the family cannot compute; the message names the key
   */
  Decoder decoder(JsonObject config, Map<String, Shape> tensors);
}

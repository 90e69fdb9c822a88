package org.minillm.core.architecture;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.Set;
import org.minillm.core.plugin.Plugin;

/** A family of models, found under the {@code model_type} of config.json. */
public interface Architecture extends Plugin {

  /** What a model_type begins with whose model brings its own code, see {@link Decoder#code}. */
  String WITH_CODE = "minillm_";

  /**
   * Returns the family's name in config.json.
   *
   * @return for example {@code llama}
   */
  @Override
  String name();

  /**
   * Returns the model_type of the family's models that bring their own code.
   *
   * @return {@value #WITH_CODE} and the name, unless overridden
   */
  @Override
  default Set<String> formerNames() {
    return Set.of(WITH_CODE + name());
  }

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

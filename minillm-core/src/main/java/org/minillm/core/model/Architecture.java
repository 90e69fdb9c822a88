package org.minillm.core.model;

import com.google.gson.JsonObject;
import java.util.Set;
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
   * @param tensors the names of the tensors that the checkpoint has: some families are published
   *     with and without a prefix, and config.json does not tell
   * @return the model that it describes
   * @throws IllegalArgumentException if a key is missing, has the wrong type, or asks for something
   *     that the family cannot compute; the message names the key
   */
  Decoder decoder(JsonObject config, Set<String> tensors);
}

package org.minillm.core.model;

import com.google.gson.JsonObject;
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
   * @return the model that it describes
   * @throws IllegalArgumentException if a key is missing, has the wrong type, or asks for something
   *     that the family cannot compute; the message names the key
   */
  Decoder decoder(JsonObject config);
}

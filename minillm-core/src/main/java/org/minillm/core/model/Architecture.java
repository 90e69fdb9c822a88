package org.minillm.core.model;

import com.google.gson.JsonObject;

/**
 * A family of models. Found by {@link java.util.ServiceLoader} under the {@code model_type} of
 * config.json; two with the same name are an error.
 */
public interface Architecture {

  /**
   * Returns the family's name in config.json.
   *
   * @return for example {@code llama}
   */
  String modelType();

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

package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;

/**
 * A model that brings its own code: how config.json describes it to Hugging Face transformers, and
 * the Python files that config.json names under {@code auto_map}.
 *
 * @param config the whole config.json
 * @param files texts by file name, to stand beside it
 */
public record ModelCode(JsonObject config, ImmutableMap<String, String> files) {

  // Refuses nulls.
  public ModelCode {
    requireNonNull(config, "config");
    requireNonNull(files, "files");
  }
}

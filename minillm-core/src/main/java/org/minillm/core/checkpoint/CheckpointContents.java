package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.Closeable;

/**
 * What a checkpoint holds.
 *
 * @param config config.json
 * @param tensors all tensors, no name twice
 * @param texts further files of the model by name, such as tokenizer.json, where they are no files
 *     of a folder
 * @param bytes size of the weight files
 * @param files closed with the checkpoint; from then on no tensor can be read, which is an {@link
 *     IllegalStateException}
 */
public record CheckpointContents(
    JsonObject config,
    ImmutableList<StoredTensor> tensors,
    ImmutableMap<String, String> texts,
    long bytes,
    Closeable files) {

  // Refuses nulls.
  public CheckpointContents {
    requireNonNull(config, "config");
    requireNonNull(tensors, "tensors");
    requireNonNull(texts, "texts");
    requireNonNull(files, "files");
  }
}

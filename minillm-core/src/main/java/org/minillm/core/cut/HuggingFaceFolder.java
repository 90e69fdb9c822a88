package org.minillm.core.cut;

import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.runtime.PassListener;

/** Writes a model as the folder that Hugging Face's tools read. */
final class HuggingFaceFolder {

  private HuggingFaceFolder() {}

  static void write(
      WrittenModel model, JsonObject config, Path target, boolean overwrite, PassListener listener)
      throws IOException {
    Checkpoint source = model.source().checkpoint();
    CheckpointWriter writer =
        new CheckpointWriter(target, overwrite)
            .source(source.path())
            .config(config)
            .tensors(model.tensors())
            .companions(source.companions())
            .texts(
                ImmutableMap.<String, String>builder()
                    .putAll(source.texts())
                    .putAll(model.texts())
                    .buildOrThrow())
            .facts(model.facts())
            .onProgress(listener::stepsDone);
    listener.passStarted("write", writer.weightBytes());
    writer.write();
    listener.passDone();
  }
}

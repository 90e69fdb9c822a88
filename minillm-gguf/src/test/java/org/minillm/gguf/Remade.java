package org.minillm.gguf;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;

/** Checkpoints that are made of others: of another family, or with a head. */
final class Remade {

  private Remade() {}

  /** A LLaMA with biases of queries, keys and values, and no others, is a Qwen2. */
  static Path qwen2(Path llama, Path target) throws IOException {
    return remake(
        llama,
        target,
        config -> config.addProperty("model_type", "qwen2"),
        name -> !name.endsWith(".bias") || name.matches(".*[qkv]_proj.bias"),
        "");
  }

  /** With the embedding as a head of its own. */
  static Path untied(Path tied, Path target, String embedding) throws IOException {
    return remake(
        tied,
        target,
        config -> config.addProperty("tie_word_embeddings", false),
        name -> true,
        embedding);
  }

  private static Path remake(
      Path source, Path target, Consumer<JsonObject> change, Predicate<String> kept, String head)
      throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(source)) {
      JsonObject config = checkpoint.config();
      change.accept(config);
      List<TensorOutput> tensors = new ArrayList<>();
      for (TensorInfo tensor : checkpoint.tensors().values()) {
        if (kept.test(tensor.name())) {
          tensors.add(new TensorOutput(tensor, checkpoint.content(tensor.name())));
        }
        if (tensor.name().equals(head)) {
          tensors.add(
              new TensorOutput(
                  new TensorInfo("lm_head.weight", tensor.type(), tensor.shape()),
                  checkpoint.content(tensor.name())));
        }
      }
      new CheckpointWriter(target, false)
          .config(config)
          .tensors(tensors)
          .companions(checkpoint.companions())
          .write();
    }
    return target;
  }
}

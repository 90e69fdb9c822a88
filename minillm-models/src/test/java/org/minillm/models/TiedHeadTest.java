package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.checkpoint.TensorContent;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.runtime.CausalLm;

/** A model whose config.json says that the head is the embedding, and that stores a head, too. */
class TiedHeadTest {

  private static final String EMBEDDING = "model.embed_tokens.weight";

  @TempDir Path temp;

  private Path withHead(boolean sameAsEmbedding) throws IOException {
    Path target = temp.resolve("model");
    try (Checkpoint source = Checkpoint.open(TestModels.folder("tiny-llama", temp))) {
      TensorInfo embedding = source.tensor(EMBEDDING);
      TensorContent zeros =
          out -> out.write(ByteBuffer.wrap(new byte[Math.toIntExact(embedding.bytes())]));
      List<TensorOutput> tensors = new ArrayList<>();
      for (TensorInfo tensor : source.tensors().values()) {
        tensors.add(new TensorOutput(tensor, source.content(tensor.name())));
      }
      tensors.add(
          new TensorOutput(
              new TensorInfo("lm_head.weight", embedding.type(), embedding.shape()),
              sameAsEmbedding ? source.content(EMBEDDING) : zeros));
      new CheckpointWriter(target, false)
          .config(source.config())
          .tensors(ImmutableList.copyOf(tensors))
          .write();
    }
    return target;
  }

  @Test
  void aCopyOfTheEmbeddingIsNoHeadOfItsOwn() throws IOException {
    try (CausalLm model = CausalLm.open(withHead(true))) {
      assertThat(model.unreadTensors()).isEmpty();
    }
  }

  @Test
  void anotherHeadIsRefusedWithBothRemedies() throws IOException {
    Path folder = withHead(false);
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> CausalLm.open(folder))
        .withMessageContaining(
            "lm_head.weight differs from model.embed_tokens.weight, but config.json says"
                + " tie_word_embeddings")
        .withMessageContaining("set tie_word_embeddings to false")
        .withMessageContaining("or leave it out of the weights");
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorContent;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;

/**
 * In the middle of writing: a second run of the same target is refused, and after {@code kill -9}
 * there is no target and the next run works.
 */
class KilledWhileWritingTest {

  private static final int HIDDEN = 512;
  private static final int MLP = 1024;

  /** Large enough that the process can be killed while it writes: 200 MB. */
  private static final int VOCABULARY = 200_000;

  private static final long SOME_BYTES = 20L << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path temp;

  @Test
  void aRivalIsRefusedNoTargetAppearsAndTheNextRunCleansUpAndSucceeds() throws Exception {
    // GIVEN a process that is writing a pruned model
    Path model = temp.resolve("model");
    writeModel(model);
    Path out = temp.resolve("out");
    Process process =
        start("prune", model, "--criterion", "magnitude", "--restore", "none", "--out", out);
    Path partial = waitForSomeBytes(process);

    // WHEN another run has the same target
    CommandRun rival =
        CommandRun.of(
            "prune", model.toString(), "--criterion", "magnitude", "--out", out.toString());

    // THEN that one is refused and takes nothing away
    assertThat(rival.err()).contains("out: is being written by another process").hasLineCount(1);
    assertThat(rival.exitCode()).isEqualTo(1);
    assertThat(process.isAlive()).isTrue();
    assertThat(partial).exists();

    // WHEN it is killed
    process.destroyForcibly().waitFor();

    // THEN there is no target, and another run removes the rest of the first and succeeds
    assertThat(out).doesNotExist();
    assertThat(partial).exists();
    Process again =
        start("prune", model, "--criterion", "magnitude", "--restore", "none", "--out", out);
    assertThat(again.waitFor()).isZero();
    assertThat(out.resolve("model.safetensors")).exists();
    assertThat(temp.toFile().list()).containsExactlyInAnyOrder("model", "out");
  }

  private static Process start(String command, Path model, Object... arguments) throws IOException {
    List<String> line =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                command,
                model.toString()));
    Stream.of(arguments).map(Object::toString).forEach(line::add);
    return new ProcessBuilder(line)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private Path waitForSomeBytes(Process process) throws Exception {
    Instant deadline = Instant.now().plus(PATIENCE);
    while (Instant.now().isBefore(deadline) && process.isAlive()) {
      Optional<Path> partial = partial();
      if (partial.isPresent()) {
        Path weights = partial.get().resolve("model.safetensors");
        if (Files.exists(weights) && Files.size(weights) > SOME_BYTES) {
          return partial.get();
        }
      }
      Thread.sleep(1);
    }
    throw new AssertionError("the process was never seen writing; alive: " + process.isAlive());
  }

  private Optional<Path> partial() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(".out.partial"))
          .findAny();
    }
  }

  private static void writeModel(Path folder) throws IOException {
    JsonObject config =
        JsonParser.parseString(
                """
                {"model_type": "llama", "hidden_size": %d, "intermediate_size": %d,
                 "num_attention_heads": 4, "num_hidden_layers": 1, "vocab_size": %d,
                 "tie_word_embeddings": true}
                """
                    .formatted(HIDDEN, MLP, VOCABULARY))
            .getAsJsonObject();
    String block = "model.layers.0.";
    new CheckpointWriter(folder, false)
        .config(config)
        .tensors(
            List.of(
                zeros(block + "mlp.gate_proj.weight", MLP, HIDDEN),
                zeros(block + "mlp.up_proj.weight", MLP, HIDDEN),
                zeros(block + "mlp.down_proj.weight", HIDDEN, MLP),
                zeros(block + "self_attn.q_proj.weight", HIDDEN, HIDDEN),
                zeros(block + "self_attn.k_proj.weight", HIDDEN, HIDDEN),
                zeros(block + "self_attn.v_proj.weight", HIDDEN, HIDDEN),
                zeros(block + "self_attn.o_proj.weight", HIDDEN, HIDDEN),
                zeros(block + "input_layernorm.weight", HIDDEN),
                zeros(block + "post_attention_layernorm.weight", HIDDEN),
                zeros("model.norm.weight", HIDDEN),
                zeros("model.embed_tokens.weight", VOCABULARY, HIDDEN)))
        .write();
  }

  private static TensorOutput zeros(String name, long... shape) {
    TensorInfo info = new TensorInfo(name, TensorType.F16, new Shape(shape));
    TensorContent content =
        out -> {
          for (long left = info.bytes(); left > 0; left -= 1 << 20) {
            out.write(ByteBuffer.allocate((int) Math.min(left, 1 << 20)));
          }
        };
    return new TensorOutput(info, content);
  }
}

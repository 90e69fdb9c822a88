package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/** Models in other forms, by the command line. What is in a GGUF file, minillm-gguf tests. */
class ConvertCommandTest {

  private static final Path OTHERS = Path.of("../minillm-models/src/test/resources/trained");

  @TempDir Path temp;
  private Path model;

  @BeforeEach
  void extract() throws IOException {
    model = DemoData.model(DemoData.extract(temp.resolve("demo")));
  }

  private static CommandRun run(Object... words) {
    return CommandRun.of(
        java.util.Arrays.stream(words).map(Object::toString).toArray(String[]::new));
  }

  @Test
  void aModelBecomesAGgufFileOfTheSizeThatIsSaid() throws IOException {
    // WHEN
    Path file = temp.resolve("model.gguf");
    CommandRun run = run("convert", model, "--export", "gguf", "--out", file);

    // THEN as it is stored, but for nine vectors of 192 numbers, which take 2 bytes more each
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("written to " + file + ", 4,823,808 bytes of weights");
    assertThat(Files.size(file)).isBetween(4_823_808L, 4_823_808L + 200_000);
  }

  @Test
  void aConvertedFolderHasTheSameWeights() {
    // WHEN
    Path folder = temp.resolve("copy");
    CommandRun run = run("convert", model, "--out", folder);

    // THEN
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(folder.resolve("model.safetensors"))
        .hasSameBinaryContentAs(model.resolve("model.safetensors"));
  }

  @Test
  void pruningIntoAGgufFileSaysItsSize() throws IOException {
    // WHEN
    Path file = temp.resolve("small.gguf");
    CommandRun run =
        run(
            "prune",
            model,
            "--criterion",
            "magnitude",
            "--restore",
            "none",
            "--export",
            "gguf:type=q8_0",
            "--out",
            file);

    // THEN
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("written to " + file).doesNotContain("transformers");
    assertThat(run.out()).containsPattern("bytes +4,820,352 +2,611,456");
    assertThat(Files.size(file)).isBetween(2_611_456L, 2_611_456L + 200_000);
  }

  @Test
  void anOptIsRefusedBeforeTheWork() {
    CommandRun run =
        run(
            "prune",
            OTHERS.resolve("tiny-opt"),
            "--export",
            "gguf",
            "--out",
            temp.resolve("o.gguf"));

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .startsWith("minillm: --export gguf: llama.cpp has no OPT")
        .hasLineCount(1);
  }

  @Test
  void aBloomWithUnevenLayersIsRefusedBeforeTheWork() {
    CommandRun run =
        run("prune", OTHERS.resolve("tiny-bloom"), "--export", "gguf", "--out", temp.resolve("o"));

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .startsWith("minillm: --export gguf: llama.cpp's BLOOM has one number of channels")
        .hasLineCount(1);
  }

  @Test
  void aTypeThatIsNotWrittenIsRefused() {
    CommandRun run =
        run("convert", model, "--export", "gguf:type=q4_k", "--out", temp.resolve("o.gguf"));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("type 'q4_k', expected stored, f32, f16, bf16, q8_0, q4_0");
  }
}

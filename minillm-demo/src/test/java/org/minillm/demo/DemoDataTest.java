package org.minillm.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoDataTest {

  /** Words and line ends to 80 windows of 128 tokens, were every word one token: a lower bound. */
  private static final int WORDS_FOR_80_WINDOWS = 80 * 128;

  @TempDir Path temporary;

  @Test
  void extractsACompleteCheckpointFolderIntoAFolderThatIsNotThereYet() throws IOException {
    // GIVEN
    Path folder = temporary.resolve("new").resolve("demo");

    // WHEN
    Path extracted = DemoData.extract(folder);

    // THEN
    assertThat(extracted).isEqualTo(folder);
    assertThat(namesIn(DemoData.model(folder)))
        .containsExactly(
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "training.json");
  }

  @Test
  void extractsTheWeightsByteForByte() throws IOException {
    // GIVEN / WHEN
    Path weights =
        DemoData.model(DemoData.extract(temporary.resolve("demo"))).resolve("model.safetensors");

    // THEN the header's length is the first 8 bytes, and the file ends with the last tensor:
    // 2410176 float16 weights
    byte[] bytes = Files.readAllBytes(weights);
    long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(bytes).hasSize((int) (8 + header + 2 * 2_410_176));
  }

  @Test
  void givesTheLicenceAlongWithTheTexts() throws IOException {
    // GIVEN / WHEN
    Path folder = DemoData.extract(temporary.resolve("demo"));

    // THEN
    assertThat(folder.resolve("README.md"))
        .content()
        .contains("Creative Commons Attribution-ShareAlike 3.0", "Merity", "Wikipedia");
  }

  @Test
  void textsAreLongEnoughForTheDemo() throws IOException {
    // GIVEN / WHEN
    Path folder = DemoData.extract(temporary.resolve("demo"));

    // THEN
    assertThat(words(DemoData.calibration(folder))).isGreaterThan(WORDS_FOR_80_WINDOWS);
    assertThat(words(DemoData.evaluation(folder))).isGreaterThan(WORDS_FOR_80_WINDOWS);
  }

  @Test
  void evaluatesOnOtherTextThanItCalibratesOn() throws IOException {
    // GIVEN / WHEN
    Path folder = DemoData.extract(temporary.resolve("demo"));

    // THEN
    assertThat(DemoData.calibration(folder)).content().contains("= Homarus gammarus =");
    assertThat(DemoData.evaluation(folder))
        .content()
        .contains("= Robert <unk> =")
        .doesNotContain("= Homarus gammarus =");
  }

  @Test
  void leavesFilesAloneThatAreThereAlready() throws IOException {
    // GIVEN
    Path folder = DemoData.extract(temporary.resolve("demo"));
    Path config = DemoData.model(folder).resolve("config.json");
    FileTime old = FileTime.from(Instant.parse("2020-01-01T00:00:00Z"));
    Files.setLastModifiedTime(config, old);

    // WHEN
    DemoData.extract(folder);

    // THEN
    assertThat(Files.getLastModifiedTime(config)).isEqualTo(old);
  }

  @Test
  void replacesAFileThatWasCutShort() throws IOException {
    // GIVEN
    Path folder = DemoData.extract(temporary.resolve("demo"));
    Path text = DemoData.evaluation(folder);
    byte[] whole = Files.readAllBytes(text);
    Files.write(text, new byte[] {1});

    // WHEN
    DemoData.extract(folder);

    // THEN
    assertThat(text).hasBinaryContent(whole);
    assertThat(namesIn(folder)).noneMatch(name -> name.endsWith(".part"));
  }

  private static List<String> namesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static int words(Path text) throws IOException {
    return Files.readString(text, StandardCharsets.UTF_8).split("\\s+").length;
  }
}

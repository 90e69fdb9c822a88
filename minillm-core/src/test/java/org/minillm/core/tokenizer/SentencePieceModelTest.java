package org.minillm.core.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.tokenizer.SentencePieceModel.Algorithm;
import org.minillm.core.tokenizer.SentencePieceModel.Kind;
import org.minillm.core.tokenizer.SentencePieceModel.Piece;

class SentencePieceModelTest {

  private static final Path SOURCES = Path.of("src/test/resources/tokenizers/slow");

  @TempDir Path folder;

  /** What sentencepiece for Python says of the file. */
  @Test
  void readsWhatTheTrainerWrote() throws IOException {
    SentencePieceModel model = SentencePieceModel.read(SOURCES.resolve("bpe.model"));
    assertThat(model.pieces()).hasSize(2000);
    assertThat(model.pieces().subList(0, 7))
        .containsExactly(
            new Piece("<unk>", 0, Kind.UNKNOWN),
            new Piece("<s>", 0, Kind.CONTROL),
            new Piece("</s>", 0, Kind.CONTROL),
            new Piece("<|tool|>", 0, Kind.CONTROL),
            new Piece("[INST]", 0, Kind.USER_DEFINED),
            new Piece("<<SYS>>", 0, Kind.USER_DEFINED),
            new Piece("<0x00>", 0, Kind.BYTE));
    assertThat(model.algorithm()).isEqualTo(Algorithm.BPE);
    assertThat(model.byteFallback()).isTrue();
    assertThat(model.normalizer()).isEqualTo(new SentencePieceModel.Normalizer("", true, false));
  }

  @Test
  void readsTheCharacterMapAndTheMarksOfAnother() throws IOException {
    SentencePieceModel model = SentencePieceModel.read(SOURCES.resolve("mapped.model"));
    assertThat(model.algorithm()).isEqualTo(Algorithm.UNIGRAM);
    assertThat(model.unknownId()).isEqualTo(2);
    assertThat(model.normalizer().precompiledCharsmap()).startsWith("AAQAAAAg");
    assertThat(model.normalizer().removeExtraWhitespaces()).isTrue();
  }

  private static Stream<Arguments> damages() throws IOException {
    byte[] sound = ModelBytes.sound().with(2, 0);
    byte[] lengthBeyond = sound.clone();
    lengthBeyond[1] = 120;
    lengthBeyond[3] = 127;
    return Stream.of(
        Arguments.of("it is empty", new byte[0]),
        Arguments.of(
            "a Git LFS pointer to the file; get the file itself with 'git lfs pull'",
            text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 499723\n")),
        Arguments.of(
            "a vocabulary of tiktoken, expected a model of SentencePiece",
            text("IQ== 0\nIg== 1\nIw== 2\n")),
        Arguments.of("cut, damaged, or no model of SentencePiece", text("{\"model\": {}}")),
        Arguments.of(
            "cut, damaged, or no model of SentencePiece", Arrays.copyOf(sound, sound.length - 1)),
        Arguments.of("cut, damaged, or no model of SentencePiece", lengthBeyond),
        Arguments.of(
            "it has 9 pieces, no trainer_spec and no normalizer_spec", ModelBytes.sound().bytes()),
        Arguments.of(
            "piece 9, \"x\": its score is NaN, expected a finite number",
            ModelBytes.sound().piece("x", Float.NaN, 1).with(2, 0)),
        Arguments.of(
            "piece 9, \"x\": its type is 7, expected 1 to 6",
            ModelBytes.sound().piece("x", 0, 7).with(2, 0)),
        Arguments.of(
            "pieces 4 and 9 are both \"ab\"", ModelBytes.sound().piece("ab", 0, 1).with(2, 0)),
        Arguments.of("piece 9 has no text", ModelBytes.sound().piece("", 0, 1).with(2, 0)),
        Arguments.of(
            "cut, damaged, or no model of SentencePiece",
            ModelBytes.sound()
                .message(1, out -> out.writeBytes(1, ByteString.copyFrom(new byte[] {-1})))
                .with(2, 0)),
        Arguments.of(
            "its trainer_spec.model_type is 3, expected 1 (unigram) or 2 (BPE)",
            ModelBytes.sound().with(3, 0)),
        Arguments.of("its trainer_spec.unk_id is 9, of 9 pieces", ModelBytes.sound().with(1, 9)),
        Arguments.of("its trainer_spec.unk_id is -1, of 9 pieces", ModelBytes.sound().with(1, -1)));
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @MethodSource("damages")
  void whatIsWrongIsSaidWithTheFileAndTheRemedy(String words, byte[] bytes) throws IOException {
    Path file = Files.write(folder.resolve("tokenizer.model"), bytes);
    assertThatThrownBy(() -> SentencePieceModel.read(file))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageStartingWith(file + ": " + words)
        .hasMessageEndingWith("; copy it of the model again, or tokenizer.json into its folder");
  }
}

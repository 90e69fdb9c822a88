package org.minillm.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("text.txt");
  }

  private void write(String text, Charset charset) throws IOException {
    Files.write(file, text.getBytes(charset));
  }

  @Test
  void readsUtf8AsItIs() throws IOException {
    write("Zürich → 東京\n", StandardCharsets.UTF_8);

    assertThat(TextFile.read(file)).isEqualTo("Zürich → 東京\n");
  }

  @Test
  void readsAnEmptyFileAsAnEmptyText() throws IOException {
    write("", StandardCharsets.UTF_8);

    assertThat(TextFile.read(file)).isEmpty();
  }

  @Test
  void passesAByteOrderMarkOver() throws IOException {
    write("\uFEFFone", StandardCharsets.UTF_8);

    assertThat(TextFile.read(file)).isEqualTo("one");
  }

  @Test
  void readsLineEndsOfOtherSystemsAsPythonDoes() throws IOException {
    write("one\r\ntwo\rthree\n\r\n", StandardCharsets.UTF_8);

    assertThat(TextFile.read(file)).isEqualTo("one\ntwo\nthree\n\n");
  }

  @Test
  void namesTheFirstByteThatIsNotUtf8() throws IOException {
    write("Zürich", StandardCharsets.ISO_8859_1);

    assertThatThrownBy(() -> TextFile.read(file))
        .isInstanceOf(MalformedFileException.class)
        .hasMessage(
            file
                + ": byte 0xFC at offset 1 is not UTF-8; save it as UTF-8, for example with iconv"
                + " -t UTF-8");
  }

  @Test
  void countsTheOffsetFromTheStartOfTheFileBehindAMark() throws IOException {
    Files.write(file, new byte[] {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF, 'a', (byte) 0xFF});

    assertThatThrownBy(() -> TextFile.read(file)).hasMessageContaining("byte 0xFF at offset 4");
  }

  @Test
  void tellsATextThatEndsInTheMiddleOfACharacter() throws IOException {
    byte[] whole = "東".getBytes(StandardCharsets.UTF_8);
    Files.write(file, new byte[] {'a', whole[0], whole[1]});

    assertThatThrownBy(() -> TextFile.read(file))
        .hasMessage(
            file
                + ": byte 0xE6 at offset 1 is not UTF-8: the file ends in the middle of a"
                + " character; copy it again, or cut its last bytes off");
  }

  @Test
  void recognisesUtf16() throws IOException {
    write("\uFEFFone", StandardCharsets.UTF_16LE);

    assertThatThrownBy(() -> TextFile.read(file))
        .hasMessage(
            file + ": UTF-16, expected UTF-8; save it as UTF-8, for example with iconv -t UTF-8");
  }

  @Test
  void refusesAFolder() {
    assertThatThrownBy(() -> TextFile.read(folder))
        .isInstanceOf(FileSystemException.class)
        .hasMessage(folder + ": a folder, expected a file");
  }
}

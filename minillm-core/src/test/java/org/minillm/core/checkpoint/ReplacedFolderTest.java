package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.minillm.core.checkpoint.ModelFolder.written;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Overwriting takes the place of what was written by us, and of nothing else. */
class ReplacedFolderTest {

  @TempDir Path temp;
  private Path target;

  @BeforeEach
  void nameTarget() {
    target = temp.resolve("out");
  }

  @Test
  void overwritingReplacesTheWholeFolder() throws IOException {
    // GIVEN
    written(target, "old");

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(target.resolve("old")).doesNotExist();
    assertThat(target.resolve("model.safetensors")).exists();
    assertThat(temp).isDirectoryContaining(target::equals).isDirectoryNotContaining("glob:**.*-*");
  }

  @Test
  void anEmptyFolderIsOverwrittenToo() throws IOException {
    // GIVEN
    Files.createDirectory(target);

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(target.resolve("config.json")).exists();
  }

  @Test
  void aFolderThatWasNotWrittenByUsIsNeverReplaced() throws IOException {
    // GIVEN somebody's model
    Files.createDirectory(target);
    Path config = Files.createFile(target.resolve("config.json"));

    // WHEN / THEN
    for (boolean overwrite : new boolean[] {true, false}) {
      assertThatIOException()
          .isThrownBy(() -> CheckpointWriter.checkTarget(target, overwrite, null))
          .withMessageContaining("was not written by MiniLLM (no minillm-manifest.json)")
          .withMessageContaining("delete it yourself or name another target");
    }
    assertThat(config).exists();
  }

  @Test
  void aFolderWithFilesOfOthersIsNeverReplacedAndSomeAreNamed() throws IOException {
    // GIVEN
    written(target, "old");
    for (String name : List.of("a.txt", "b.txt", "c.txt", "d.txt")) {
      Files.createFile(target.resolve(name));
    }

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).write())
        .withMessageContaining(
            "holds what MiniLLM did not write (a.txt, b.txt, c.txt and 1 more), so it is not"
                + " replaced; move that away, or name another target");
    assertThat(target.resolve("d.txt")).exists();
  }

  @Test
  void aFolderOfAListedNameIsNotWhatWasListed() throws IOException {
    // GIVEN
    written(target, "old");
    Files.delete(target.resolve("old"));
    Files.createDirectory(target.resolve("old"));

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).write())
        .withMessageContaining("did not write (old)");
  }

  @Test
  void changedContentsOfListedFilesAreReplaced() throws IOException {
    // GIVEN
    written(target, "old");
    Files.writeString(target.resolve("config.json"), "{\"edited\": true}");

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(target.resolve("config.json")).content().doesNotContain("edited");
  }

  @Test
  void aFolderWithADamagedManifestIsNotReplaced() throws IOException {
    // GIVEN
    written(target, "old");
    Files.writeString(target.resolve(CheckpointWriter.MANIFEST), "{\"files\": 1");

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).write())
        .withMessageContaining("its manifest is damaged")
        .withMessageContaining("delete it yourself");
  }

  @Test
  void aFileThatIsPutIntoTheOldFolderMeanwhileIsNotLost() throws IOException {
    // GIVEN
    written(target, "old");
    TensorOutput intruder =
        new TensorOutput(
            new TensorInfo("w", TensorType.U8, new Shape(1)),
            out -> {
              Files.createFile(target.resolve("notes.txt"));
              out.write(ByteBuffer.allocate(1));
            });

    // WHEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).tensors(List.of(intruder)).write())
        .withMessageContaining("did not write (notes.txt)");

    // THEN
    assertThat(target.resolve("notes.txt")).exists();
    assertThat(temp.toFile().list()).containsExactly("out");
  }

  @Test
  void aReplacedFolderKeepsItsPermissions() throws IOException {
    // GIVEN
    written(target, "old");
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwx------"));

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(target)))
        .isEqualTo("rwx------");
  }
}

package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What may be written where, and what stands there when it goes wrong. */
class CheckpointTargetTest {

  @TempDir Path temp;
  private Path target;

  @BeforeEach
  void nameTarget() {
    target = temp.resolve("out");
  }

  @Test
  void anExistingTargetIsRefusedBeforeAnyWork() throws IOException {
    // GIVEN
    Files.createDirectory(target);

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(target, false, null))
        .withMessageContaining("out: exists; --force (overwrite) replaces it");
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, false).tensors(List.of(unwritten())).write())
        .withMessageContaining("--force");
  }

  @Test
  void overwritingReplacesTheWholeFolder() throws IOException {
    // GIVEN
    model(target, "old");
    Files.createDirectories(target.resolve("sub/folder"));

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(target.resolve("old")).doesNotExist();
    assertThat(target.resolve("sub")).doesNotExist();
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
  void aFolderThatIsNoModelIsNeverReplaced() throws IOException {
    // GIVEN
    Files.createDirectory(target);
    Path letter = Files.createFile(target.resolve("letter.txt"));

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).write())
        .withMessageContaining("no model folder");
    assertThat(letter).exists();
  }

  @Test
  void aFailedOverwriteLeavesTheOldFolder() throws IOException {
    // GIVEN
    model(target, "old");

    // WHEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, true).tensors(List.of(unwritten())).write());

    // THEN
    assertThat(target.resolve("old")).exists();
    assertThat(temp.toFile().list()).containsExactly("out");
  }

  @Test
  void theOldFolderStaysReadableWhileTheNewOneIsWritten() throws IOException {
    // GIVEN
    model(target, "old");
    TensorOutput observer =
        new TensorOutput(
            new TensorInfo("w", TensorType.U8, new Shape(1)),
            out -> {
              assertThat(target.resolve("old")).exists();
              out.write(ByteBuffer.allocate(1));
            });

    // WHEN
    new CheckpointWriter(target, true).tensors(List.of(observer)).write();

    // THEN
    assertThat(target.resolve("old")).doesNotExist();
  }

  @Test
  void aFolderThatAppearsMeanwhileIsNotReplaced() throws IOException {
    // GIVEN
    TensorOutput intruder =
        new TensorOutput(
            new TensorInfo("w", TensorType.U8, new Shape(1)),
            out -> {
              model(target, "theirs");
              out.write(ByteBuffer.allocate(1));
            });

    // WHEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, false).tensors(List.of(intruder)).write())
        .withMessageContaining("appeared");

    // THEN
    assertThat(target.resolve("theirs")).exists();
    assertThat(temp.toFile().list()).containsExactly("out");
  }

  @Test
  void twoWritersToOneTargetAreRefused() {
    // GIVEN
    TensorOutput rival =
        new TensorOutput(
            new TensorInfo("w", TensorType.U8, new Shape(1)),
            out -> new CheckpointWriter(target, false).write());

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, false).tensors(List.of(rival)).write())
        .withMessageContaining("being written by another thread");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void leftoversOfDeadProcessesAreRemoved() throws IOException {
    // GIVEN
    Path dead = model(temp.resolve(".out.partial-" + deadProcess()), "x");
    Path own = model(temp.resolve(".out.partial-" + ProcessHandle.current().pid()), "x");
    Path living =
        model(temp.resolve(".out.partial-" + ProcessHandle.current().parent().get().pid()), "x");
    Path other = model(temp.resolve(".other.partial-" + deadProcess()), "x");
    Path unnumbered = model(temp.resolve(".out.partial-x"), "x");

    // WHEN
    new CheckpointWriter(target, false).write();

    // THEN
    assertThat(dead).doesNotExist();
    assertThat(own).doesNotExist();
    assertThat(living).exists();
    assertThat(other).exists();
    assertThat(unnumbered).exists();
  }

  @Test
  void aFolderThatADeadProcessMovedAsideIsPutBack() throws IOException {
    // GIVEN
    model(temp.resolve(".out.replaced-" + deadProcess()), "old");

    // WHEN / THEN it stands in the way again
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, false).write())
        .withMessageContaining("--force");
    assertThat(target.resolve("old")).exists();
  }

  @Test
  void aReplacedFolderThatADeadProcessLeftIsRemoved() throws IOException {
    // GIVEN
    model(target, "new");
    Path replaced = model(temp.resolve(".out.replaced-" + deadProcess()), "old");

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(replaced).doesNotExist();
  }

  @Test
  void theSourceIsNeverTheTarget() throws IOException {
    // GIVEN
    Path source = model(temp.resolve("source"), "x");
    Path link = Files.createSymbolicLink(temp.resolve("link"), temp);

    // WHEN / THEN
    for (Path place :
        List.of(
            source,
            source.resolve("in"),
            temp,
            link.resolve("source"),
            link.resolve("source/in"))) {
      assertThatIOException()
          .as("%s", place)
          .isThrownBy(() -> CheckpointWriter.checkTarget(place, true, source))
          .withMessageContaining("the source");
      assertThatIOException()
          .isThrownBy(() -> new CheckpointWriter(place, true).source(source).write())
          .withMessageContaining("the source");
    }
  }

  @Test
  void aFolderBesideTheSourceWithALongerNameIsFine() throws IOException {
    // GIVEN
    Path source = model(temp.resolve("source"), "x");

    // WHEN
    CheckpointWriter.checkTarget(temp.resolve("source-pruned"), false, source);

    // THEN
    assertThat(temp.toFile().list()).containsExactly("source");
  }

  @Test
  void theParentMustExist() {
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(target.resolve("deep"), false, null))
        .withMessageContaining("out: no such folder, needed to write deep");
  }

  @Test
  void aFileIsNeverReplaced() throws IOException {
    // GIVEN
    Files.createFile(target);

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(target, true, null))
        .withMessageContaining("not a folder");
  }

  @Test
  void aLinkIsNeverReplaced() throws IOException {
    // GIVEN
    Files.createSymbolicLink(target, model(temp.resolve("model"), "x"));

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(target, true, null))
        .withMessageContaining("a symbolic link");
  }

  @Test
  void theRootIsNoTarget() {
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(temp.getRoot(), true, null))
        .withMessageContaining("not a folder's name");
  }

  private static Path model(Path folder, String file) throws IOException {
    Files.createDirectory(folder);
    Files.createFile(folder.resolve("config.json"));
    Files.createFile(folder.resolve(file));
    return folder;
  }

  private static TensorOutput unwritten() {
    return new TensorOutput(
        new TensorInfo("w", TensorType.U8, new Shape(1)),
        out -> {
          throw new IOException("written");
        });
  }

  /** Above the highest number that Linux, macOS or Windows give (Linux: at most 2^22). */
  private static long deadProcess() {
    return (1L << 31) - 1;
  }
}

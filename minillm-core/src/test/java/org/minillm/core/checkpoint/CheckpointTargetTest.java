package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.minillm.core.checkpoint.ModelFolder.written;

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
        .withMessageContaining("out: exists, and is not to be overwritten");
    assertThatIOException()
        .isThrownBy(() -> new CheckpointWriter(target, false).tensors(List.of(unwritten())).write())
        .withMessageContaining("is not to be overwritten");
  }

  @Test
  void aFailedOverwriteLeavesTheOldFolder() throws IOException {
    // GIVEN
    written(target, "old");

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
    written(target, "old");
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
              written(target, "theirs");
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
  void leftoversOfKilledWritersAreRemovedAndNothingElse() throws IOException {
    // GIVEN nobody holds the lock of the target
    Path dead = written(temp.resolve(".out.partial-0123456789abcdef"), "x");
    Path lock = Files.createFile(temp.resolve(".out.minillm-lock"));
    Path other = written(temp.resolve(".other.partial-0123456789abcdef"), "x");
    Path theirs = written(temp.resolve(".out.partial-mine"), "x");

    // WHEN
    new CheckpointWriter(target, false).write();

    // THEN
    assertThat(dead).doesNotExist();
    assertThat(lock).doesNotExist();
    assertThat(other).exists();
    assertThat(theirs).exists();
  }

  @Test
  void aFolderThatAKilledWriterMovedAsideIsPutBack() throws IOException {
    // GIVEN
    written(temp.resolve(".out.replaced-0123456789abcdef"), "old");

    // WHEN / THEN it stands in the way again
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(target, false, null))
        .withMessageContaining("is not to be overwritten");
    assertThat(target.resolve("old")).exists();
    assertThat(temp.toFile().list()).containsExactly("out");
  }

  @Test
  void aReplacedFolderThatAKilledWriterLeftIsRemoved() throws IOException {
    // GIVEN
    written(target, "new");
    Path replaced = written(temp.resolve(".out.replaced-0123456789abcdef"), "old");

    // WHEN
    new CheckpointWriter(target, true).write();

    // THEN
    assertThat(replaced).doesNotExist();
  }

  @Test
  void aNameMustLeaveRoomForThoseOfItsCompanions() {
    assertThatIOException()
        .isThrownBy(() -> CheckpointWriter.checkTarget(temp.resolve("x".repeat(230)), false, null))
        .withMessageContaining("its name has 230 bytes, expected at most 229");
  }

  @Test
  void theSourceIsNeverTheTarget() throws IOException {
    // GIVEN
    Path source = written(temp.resolve("source"), "x");
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
    Path source = written(temp.resolve("source"), "x");

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
    Files.createSymbolicLink(target, written(temp.resolve("model"), "x"));

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

  private static TensorOutput unwritten() {
    return new TensorOutput(
        new TensorInfo("w", TensorType.U8, new Shape(1)),
        out -> {
          throw new IOException("written");
        });
  }
}

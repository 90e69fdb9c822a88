package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchFileTest {

  @TempDir private Path temp;

  private static byte[] read(ScratchFile file, int bytes, long at) throws IOException {
    ByteBuffer target = ByteBuffer.allocate(bytes);
    file.read(target, at);
    return target.array();
  }

  @Test
  void whatIsWrittenIsReadAndReplacedInAnyOrder() throws IOException {
    try (ScratchFile file = ScratchFile.near(temp)) {
      // GIVEN two pieces
      file.write(ByteBuffer.wrap(new byte[] {3, 4, 5}), 2);
      file.write(ByteBuffer.wrap(new byte[] {1, 2}), 0);

      // WHEN a part of the file is replaced
      file.write(ByteBuffer.wrap(new byte[] {9}), 3);

      // THEN
      assertThat(read(file, 5, 0)).containsExactly(1, 2, 3, 9, 5);
      assertThat(read(file, 2, 3)).containsExactly(9, 5);
      assertThatThrownBy(() -> read(file, 1, 5)).isInstanceOf(EOFException.class);
    }
  }

  @Test
  void nothingIsLeftOnTheDisk() throws IOException {
    // GIVEN a scratch file
    try (ScratchFile file = ScratchFile.near(temp)) {
      file.write(ByteBuffer.wrap(new byte[] {1}), 0);
    }

    // WHEN it was closed
    // THEN the folder is empty
    assertThat(Files.list(temp)).isEmpty();
  }

  @Test
  void whereTheFolderCannotBeWrittenTheFileIsElsewhere() throws IOException {
    // GIVEN a folder that nothing can be written to
    try (ScratchFile file = ScratchFile.near(temp.resolve("absent"))) {
      // WHEN something is written
      file.write(ByteBuffer.wrap(new byte[] {7}), 0);

      // THEN it is there
      assertThat(read(file, 1, 0)).containsExactly(7);
    }
  }

  @Test
  void aFullDiskIsOneMessageWithARemedy() throws IOException {
    // GIVEN a device that is always full
    Path full = Path.of("/dev/full");
    assumeTrue(Files.isWritable(full), "Linux has it");
    try (ScratchFile file =
        ScratchFile.over(temp, FileChannel.open(full, StandardOpenOption.WRITE))) {
      // WHEN 3 MB are written at 4 MB
      // THEN the message says where, how much and what to do
      assertThatThrownBy(() -> file.write(ByteBuffer.allocateDirect(3_000_000), 4_000_000))
          .isInstanceOf(IOException.class)
          .hasMessage(
              temp
                  + ": a scratch file of 7 MB cannot be written (No space left on device); free"
                  + " room on that disk, or give a larger memory budget or fewer windows");
    }
  }
}

package org.minillm.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a file may take the place of, and what is left when it goes wrong. */
class TargetFileTest {

  @TempDir Path temp;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = temp.resolve("report.json");
  }

  @Test
  void aNewFileHoldsTheTextAndNothingStandsBesideIt() throws IOException {
    // WHEN
    new TargetFile(file, false).write("ü");

    // THEN
    assertThat(file).hasContent("ü");
    assertThat(temp.toFile().list()).containsExactly("report.json");
  }

  @Test
  void aNewFileHasThePermissionsOfAnyNewFile() throws IOException {
    // GIVEN
    Path usual = Files.createFile(temp.resolve("usual"));

    // WHEN
    new TargetFile(file, false).write("new");

    // THEN
    assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(usual));
  }

  @Test
  void aReplacedFileKeepsItsPermissions() throws IOException {
    // GIVEN
    Files.writeString(file, "old");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));

    // WHEN
    new TargetFile(file, true).write("new");

    // THEN
    assertThat(file).hasContent("new");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-r-----");
  }

  @Test
  void anExistingFileIsReplacedOnlyWhereThatWasAskedFor() throws IOException {
    // GIVEN
    Files.writeString(file, "old");

    // WHEN / THEN
    assertRefused(new TargetFile(file, false), "report.json: exists, and is not to be overwritten");
    assertThat(file).hasContent("old");
  }

  @Test
  void aFileThatAppearsMeanwhileIsNotReplaced() throws IOException {
    // WHEN
    assertThatIOException()
        .isThrownBy(
            () -> new TargetFile(file, false).write(out -> Files.writeString(file, "theirs")))
        .withMessageContaining("exists");

    // THEN
    assertThat(file).hasContent("theirs");
    assertThat(temp.toFile().list()).containsExactly("report.json");
  }

  @Test
  void filesOfTheUserWithTheNamesOfPartsAreLeftAlone() throws IOException {
    // GIVEN
    List<Path> theirs =
        Stream.of("report.json.part", "report.json.tmp", ".report.json.partial-mine")
            .map(temp::resolve)
            .toList();
    for (Path path : theirs) {
      Files.writeString(path, "theirs");
    }

    // WHEN
    new TargetFile(file, true).write("ours");

    // THEN
    assertThat(theirs).allSatisfy(path -> assertThat(path).hasContent("theirs"));
  }

  @Test
  void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
    // GIVEN
    Files.writeString(file, "old");

    // WHEN
    assertThatIOException()
        .isThrownBy(
            () ->
                new TargetFile(file, true)
                    .write(
                        out -> {
                          out.write(ByteBuffer.allocate(10));
                          throw new IOException("cannot go on");
                        }))
        .withMessage("cannot go on");

    // THEN
    assertThat(file).hasContent("old");
    assertThat(temp.toFile().list()).containsExactly("report.json");
  }

  @Test
  void whatAKilledWriterLeftIsDeleted() throws IOException {
    // GIVEN
    Path left = Files.createFile(TargetPlace.of(file).unique(TargetPlace.PARTIAL));
    Files.createFile(temp.resolve(".report.json.minillm-lock"));

    // WHEN
    new TargetFile(file, true).write("new");

    // THEN
    assertThat(left).doesNotExist();
    assertThat(temp.toFile().list()).containsExactly("report.json");
  }

  @Test
  void aLinkIsNeverReplaced() throws IOException {
    // GIVEN
    Path letter = Files.writeString(temp.resolve("letter.txt"), "theirs");
    Files.createSymbolicLink(file, Path.of("letter.txt"));

    // WHEN / THEN
    assertRefused(
        new TargetFile(file, true), "report.json: a symbolic link to letter.txt; name the file");
    assertThat(file).isSymbolicLink();
    assertThat(letter).hasContent("theirs");
  }

  @Test
  void aLinkToNothingIsNeverReplaced() throws IOException {
    // GIVEN
    Files.createSymbolicLink(file, Path.of("nowhere"));

    // WHEN / THEN
    assertRefused(new TargetFile(file, true), "a symbolic link to nowhere");
  }

  @Test
  void anEmptyFolderIsNeverReplaced() throws IOException {
    // GIVEN
    Files.createDirectory(file);

    // WHEN / THEN
    assertRefused(new TargetFile(file, true), "report.json: a folder, expected a file's name");
    assertThat(file).isEmptyDirectory();
  }

  @Test
  void aDeviceIsWrittenToAndStaysAndSoDoesALinkToOne() throws IOException {
    // GIVEN
    Path device = Path.of("/dev/null");
    Path link = Files.createSymbolicLink(temp.resolve("link"), device);
    Object number = Files.getAttribute(device, "unix:rdev");

    // WHEN
    for (Path path : List.of(device, link)) {
      TargetFile target = new TargetFile(path, false);
      assertThat(target.isStream()).isTrue();
      target.check();
      target.write("gone");
    }

    // THEN
    assertThat(Files.getAttribute(device, "unix:rdev")).isEqualTo(number);
    assertThat(link).isSymbolicLink();
    assertThat(temp.toFile().list()).containsExactly("link");
  }

  @Test
  void aNamedPipeIsWrittenToAndStays() throws Exception {
    // GIVEN
    Path pipe = temp.resolve("pipe");
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    CompletableFuture<String> read = CompletableFuture.supplyAsync(() -> contentOf(pipe));

    // WHEN
    TargetFile target = new TargetFile(pipe, false);
    target.check();
    target.write("through");

    // THEN
    assertThat(read.get()).isEqualTo("through");
    assertThat(target.isStream()).isTrue();
    assertThat(temp.toFile().list()).containsExactly("pipe");
  }

  @Test
  void whatTheShellHasOpenedIsWrittenToBehindWhatIsThere() throws IOException {
    // GIVEN a file that is open, and a link to its descriptor as /dev/stdout is one
    Files.writeString(file, "before\n");
    try (FileChannel open = FileChannel.open(file, StandardOpenOption.APPEND)) {
      Path link = Files.createSymbolicLink(temp.resolve("link"), descriptorOf(file));

      // WHEN
      new TargetFile(link, false).write("after");

      // THEN
      assertThat(open.size()).isEqualTo("before\nafter".length());
      assertThat(file).hasContent("before\nafter");
      assertThat(link).isSymbolicLink();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/dev/stdin, only read", "/dev/fd/99999, is not open"})
  void aStreamThatTakesNothingIsRefused(String pathAndWhy) {
    String[] both = pathAndWhy.split(", ");
    assertThatIOException()
        .isThrownBy(() -> new TargetFile(Path.of(both[0]), true).check())
        .withMessageContaining(both[0])
        .withMessageContaining(both[1]);
  }

  @Test
  void aFullDeviceIsNamed() {
    assertThatIOException()
        .isThrownBy(() -> new TargetFile(Path.of("/dev/full"), true).write("x"))
        .withMessage("/dev/full: cannot be written (No space left on device)");
  }

  @Test
  void aFullDiskIsNamedWithTheTargetAndTheRemedy() throws IOException {
    // GIVEN
    try (TargetChannel full =
        TargetChannel.file(
            FileChannel.open(Path.of("/dev/full"), StandardOpenOption.WRITE), file)) {

      // WHEN / THEN
      assertThatIOException()
          .isThrownBy(() -> full.write(ByteBuffer.allocate(1)))
          .withMessage(
              file
                  + ": cannot be written (No space left on device); free room on that disk, or name"
                  + " a target on another");
    }
  }

  @Test
  void whatIsReadIsNeverWrittenOver() throws IOException {
    // GIVEN a model, one of whose files is a link out of it, and a text
    Path blob = Files.writeString(temp.resolve("blob"), "weights");
    Path model = Files.createDirectory(temp.resolve("model"));
    Files.createSymbolicLink(model.resolve("model.safetensors"), blob);
    Path config = Files.writeString(model.resolve("config.json"), "{}");
    Path text = Files.writeString(temp.resolve("text.txt"), "a text");
    Path detour = Files.createSymbolicLink(temp.resolve("detour"), model);

    // WHEN / THEN
    for (Path place :
        List.of(config, model.resolve("new.json"), detour.resolve("new.json"), blob, text)) {
      assertRefused(new TargetFile(place, true).apartFrom(List.of(model, text)), "the source");
    }
    assertThat(config).hasContent("{}");
    assertThat(blob).hasContent("weights");
    assertThat(text).hasContent("a text");
    assertThat(model.toFile().list()).containsExactlyInAnyOrder("config.json", "model.safetensors");
  }

  @Test
  void theFolderMustBeThere() {
    assertRefused(
        new TargetFile(temp.resolve("deep/er/report.json"), true),
        "deep/er: no such folder, needed to write report.json; create it");
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    // GIVEN
    Files.createFile(file);

    // WHEN / THEN
    assertRefused(
        new TargetFile(file.resolve("in/it.json"), true),
        "report.json: a file, expected a folder, needed to write it.json");
  }

  @Test
  void aNameMustLeaveRoomForTheOneOfItsPart() throws IOException {
    // GIVEN
    String longest = "x".repeat(229);

    // WHEN / THEN
    assertRefused(
        new TargetFile(temp.resolve(longest + "x"), true),
        "its name has 230 bytes, expected at most 229");
    new TargetFile(temp.resolve(longest), true).write("fits");
    assertThat(temp.toFile().list()).containsExactly(longest);
  }

  @Test
  void aFolderThatTakesNoFileIsFoundOutByTryingIt() {
    assertThatIOException()
        .isThrownBy(() -> new TargetFile(Path.of("/proc/report.json"), true).check())
        .withMessageContaining("/proc: ")
        .withMessageContaining("needed to write report.json");
  }

  @Test
  void whatIsAppendedStandsBehindWhatIsThere() throws IOException {
    // GIVEN
    TargetFile target = new TargetFile(file, true);

    // WHEN
    target.append("first\n");
    target.append("second\n");

    // THEN
    assertThat(file).hasContent("first\nsecond\n");
    assertThat(temp.toFile().list()).containsExactly("report.json");
  }

  @Test
  void nothingIsAppendedToALink() throws IOException {
    // GIVEN
    Files.createSymbolicLink(file, Path.of("/dev/null"));

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> new TargetFile(file, true).append("x"))
        .withMessageContaining("a symbolic link");
  }

  /** At the door, and where the door was not asked. */
  private static void assertRefused(TargetFile target, String words) {
    assertThatIOException().isThrownBy(target::check).withMessageContaining(words);
    assertThatIOException()
        .isThrownBy(
            () ->
                target.write(
                    out -> {
                      throw new AssertionError("written");
                    }))
        .withMessageContaining(words);
  }

  private static Path descriptorOf(Path file) throws IOException {
    Path real = file.toRealPath();
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.filter(Files::exists)
          .filter(link -> leadsTo(link, real))
          .findAny()
          .map(link -> Path.of("/dev/fd").resolve(link.getFileName()))
          .orElseThrow();
    }
  }

  private static boolean leadsTo(Path link, Path file) {
    try {
      return Files.readSymbolicLink(link).equals(file);
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  private static String contentOf(Path pipe) {
    try {
      return Files.readString(pipe);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}

package org.minillm.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One writer at a time, whoever it is; the dead hold nothing. */
class TargetLockTest {

  @TempDir Path temp;

  @Test
  void anotherProcessIsWaitedForNoLongerThanToldAndHoldsNothingWhenItIsKilled() throws Exception {
    // GIVEN a process that holds the lock
    Path target = temp.resolve("out");
    Process holder =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                target.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    assertThat(holder.getInputStream().read()).isEqualTo('!');

    // WHEN / THEN it is refused, and left as it is
    assertThatIOException()
        .isThrownBy(() -> TargetLock.acquire(TargetPlace.of(target), Duration.ofMillis(50)))
        .withMessageStartingWith(
            temp.toRealPath().resolve("out") + ": is being written by another process");
    assertThat(temp.toFile().list()).containsExactly(".out.minillm-lock");

    // WHEN / THEN it is killed, the lock is free and its file goes
    holder.destroyForcibly().waitFor();
    TargetLock.acquire(TargetPlace.of(target), Duration.ZERO).close();
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void anotherThreadIsRefusedAndTakesNothingAway() throws IOException {
    // GIVEN
    TargetPlace place = TargetPlace.of(temp.resolve("out"));
    try (TargetLock held = TargetLock.acquire(place, Duration.ZERO)) {

      // WHEN / THEN twice: being refused is no giving back
      for (int i = 0; i < 2; i++) {
        assertThatIOException()
            .isThrownBy(() -> TargetLock.acquire(place, Duration.ZERO))
            .withMessageContaining("is being written by another thread");
      }
      assertThat(held.leftovers("partial")).isEmpty();
    }
    TargetLock.acquire(place, Duration.ZERO).close();
  }

  @Test
  void aLinkOfTheLocksNameIsNotFollowed() throws IOException {
    // GIVEN
    Path letter = Files.writeString(temp.resolve("letter.txt"), "theirs");
    Files.createSymbolicLink(temp.resolve(".out.minillm-lock"), letter);

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> TargetLock.acquire(TargetPlace.of(temp.resolve("out")), Duration.ZERO))
        .withMessageContaining(
            ".out.minillm-lock: cannot be locked (Too many levels of symbolic links");
    assertThat(letter).hasContent("theirs");
  }

  /** Takes the lock of a target, says so, and waits to be killed. */
  static final class Holder {
    public static void main(String[] args) throws Exception {
      try (TargetLock held = TargetLock.acquire(TargetPlace.of(Path.of(args[0])), Duration.ZERO)) {
        held.deleteLeftovers(TargetPlace.PARTIAL);
        System.out.print('!');
        System.out.flush();
        Thread.sleep(Duration.ofMinutes(1).toMillis());
      }
    }
  }
}

package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.runtime.ProcessMemory;

/** What goes through an open model leaves nothing behind in native memory. */
class FlatMemoryTest {

  /**
   * Of the JVM, which compiles and reads classes; it was seen to shrink by 8 MB and to grow by 10.
   * The hidden states of one batch, 128 x 192 floats, are 98 MB when they are forgotten 1,000
   * times.
   */
  private static final long GROWTH_OF_EVALUATION = 25_000_000;

  /**
   * The same, 7 to 24 MB after 20 runs, which were too few for the compilers to be done. A
   * generation that forgets its keys and values makes 160 MB in 50.
   */
  private static final long GROWTH_OF_GENERATION = 30_000_000;

  @TempDir Path temp;

  @BeforeEach
  void requireFigures() {
    assumeTrue(ProcessMemory.ofThisProcess().residentBytes().isPresent(), "the system tells");
  }

  @Test
  void thousandBatchesOfEvaluationLeaveTheResidentSetFlat() throws Exception {
    assertThat(growth("evaluate", 200, 1000)).isLessThan(GROWTH_OF_EVALUATION);
  }

  @Test
  void generationLeavesTheResidentSetFlat() throws Exception {
    assertThat(growth("generate", 60, 50)).isLessThan(GROWTH_OF_GENERATION);
  }

  /**
   * Runs in a process of its own, whose heap has its full size and all its pages from the start: so
   * that what grows is not Java's garbage.
   */
  private long growth(String work, int warmUp, int times) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:+UseSerialGC",
                "-Xms64m",
                "-Xmx64m",
                "-XX:+AlwaysPreTouch",
                "-cp",
                System.getProperty("java.class.path"),
                RepeatedWork.class.getName(),
                TestModels.folder("tiny-llama", temp).toString(),
                work,
                Integer.toString(warmUp),
                Integer.toString(times))
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    // as the launcher has it: every arena more keeps memory of its own
    builder.environment().put("MALLOC_ARENA_MAX", "2");
    Process process = builder.start();
    String printed = text(process);
    assertThat(process.waitFor()).isZero();
    return Long.parseLong(printed.strip());
  }

  private static String text(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Damaged files are understood or refused in words, at once, and nothing is written. How to try
 * more of them, or one again: docs/architecture.md.
 */
class FuzzTest {

  private static final long SEED = Long.getLong("minillm.fuzz.seed", 20261127);
  private static final long FIRST = Long.getLong("minillm.fuzz.first", 0);
  private static final long INPUTS = Long.getLong("minillm.fuzz.inputs", 2000);

  private static final Path FINDINGS = Path.of("target/fuzz").toAbsolutePath();

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "config",
        "generation-config",
        "plan",
        "run",
        "state",
        "tasks",
        "ids",
        "index",
        "header"
      })
  void damagedFileIsUnderstoodOrRefused(String kind) throws IOException {
    // GIVEN
    FuzzRun run = new FuzzRun(FuzzTargets.of(kind, temp), SEED, FINDINGS);
    // WHEN
    run.run(FIRST, INPUTS);
    // THEN
    assertThat(run.findings()).isEmpty();
    if (INPUTS > 1) { // one alone is an input that is tried again
      assertThat(run.understood()).isPositive();
      assertThat(run.refused()).isGreaterThan(INPUTS / 10);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tokenizer", "older-tokenizer"})
  void damagedTokenizerIsRefusedBeforeNativeCodeEndsTheProcess(String kind) throws Exception {
    // GIVEN a process of its own
    Path out = temp.resolve("out.txt");
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-Xmx1g",
                "-Dai.djl.offline=true",
                "-DOPT_OUT_TRACKING=true",
                "-cp",
                System.getProperty("java.class.path"),
                FuzzRun.class.getName(),
                temp.toString(),
                kind,
                Long.toString(SEED),
                Long.toString(FIRST),
                Long.toString(INPUTS),
                FINDINGS.toString())
            .redirectOutput(out.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    // WHEN
    int exitCode = process.waitFor();
    if (exitCode != 0) { // what it was reading
      Files.createDirectories(FINDINGS);
      keepFiles(temp.resolve(kind), kind + "-" + SEED + "-last-");
    }
    // THEN
    assertThat(exitCode).as("exit code").isZero();
    assertThat(out).isEmptyFile();
  }

  private static void keepFiles(Path folder, String prefix) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = folder.relativize(file).toString().replace(File.separatorChar, '-');
        Files.copy(file, FINDINGS.resolve(prefix + name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The script {@code minillm} in a checkout that is built, with a Java that says how it was run. */
class LauncherTest {

  private static final String JAVA_17 =
      """
      case "$*" in
        *-version*) echo 'openjdk version "17.0.15" 2025-04-15' >&2 ;;
        *) echo "ran with ${LC_ALL:-no LC_ALL}" ;;
      esac
      """;

  @TempDir Path temp;
  private Path checkout;
  private Path javaHome;

  @BeforeEach
  void makeACheckoutAndAJava() throws IOException {
    checkout = Files.createDirectories(temp.resolve("a checkout"));
    Files.copy(Path.of("..", "minillm"), checkout.resolve("minillm"));
    Files.createFile(checkout.resolve("pom.xml"));
    Files.createDirectories(checkout.resolve("minillm-cli/src/main"));
    Files.createDirectories(checkout.resolve("minillm-cli/target/lib"));
    Files.createFile(checkout.resolve("minillm-cli/pom.xml"));
    Files.createFile(checkout.resolve("minillm-cli/target/minillm.built"));
    javaHome = temp.resolve("a java home");
    program(javaHome.resolve("bin/java"), JAVA_17);
  }

  private static void program(Path file, String lines) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + lines);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** What it printed, on both streams, and its exit code. */
  private record Outcome(String printed, int exitCode) {}

  private Outcome launch(Map<String, String> environment) throws Exception {
    return run("exec \"$0\" inspect MODEL", environment);
  }

  private Outcome run(String line, Map<String, String> environment) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", line, checkout.resolve("minillm").toString())
            .redirectErrorStream(true);
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    builder.environment().remove("MINILLM_JAVA_OPTS");
    builder.environment().put("JAVA_HOME", javaHome.toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    String printed =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    return new Outcome(printed, process.waitFor());
  }

  private void assertFails(Outcome outcome, String... words) {
    assertThat(outcome.printed()).startsWith("minillm: ").contains(words).doesNotContain("\n");
    assertThat(outcome.exitCode()).isEqualTo(1);
  }

  @Test
  void runsFromFoldersWithSpacesInTheirNames() throws Exception {
    assertThat(launch(Map.of())).isEqualTo(new Outcome("ran with C.UTF-8", 0));
  }

  /** As if {@code C.UTF-8} were the only one that is installed. */
  @ParameterizedTest
  @CsvSource({
    "LC_ALL, en_US.UTF-8, C.UTF-8",
    "LANG, en_US.UTF-8, C.UTF-8",
    "LC_ALL, POSIX, C.UTF-8",
    "LANG, C.UTF-8, no LC_ALL",
  })
  void aLocaleThatIsNotInstalledIsReplacedByOneThatIs(String name, String value, String result)
      throws Exception {
    // GIVEN
    program(
        temp.resolve("bin/locale"),
        "test \"$LC_ALL\" = C.UTF-8 && echo UTF-8 || echo ANSI_X3.4-1968\n");
    String path = temp.resolve("bin") + ":" + System.getenv("PATH");

    // THEN, whatever bash itself says of the locale
    assertThat(launch(Map.of(name, value, "PATH", path)).printed()).endsWith("ran with " + result);
  }

  @Test
  void aJavaThatCannotStartSaysWhy() throws Exception {
    program(javaHome.resolve("bin/java"), "echo 'Invalid maximum heap size: -Xmx1' >&2; exit 1");
    assertFails(
        launch(Map.of("MINILLM_JAVA_OPTS", "-Xmx1")),
        "a java home/bin/java cannot start (Invalid maximum heap size: -Xmx1)",
        "MINILLM_JAVA_OPTS");
  }

  @Test
  void aLimitOfVirtualMemoryIsNamedWithTheRemedy() throws Exception {
    program(
        javaHome.resolve("bin/java"),
        "echo 'Error occurred during initialization of VM'; echo 'Could not reserve'; exit 1");
    assertFails(
        run("ulimit -v 3000000 && exec \"$0\"", Map.of()),
        "within the limit of 3000000 kB of virtual memory (Could not reserve)",
        "ulimit -v unlimited");
  }

  @ParameterizedTest
  @ValueSource(strings = {"version \"11.0.2\"", "version \"1.8.0_392\""})
  void anOldJavaIsRefused(String version) throws Exception {
    program(javaHome.resolve("bin/java"), "echo '" + version + "' >&2");
    assertFails(launch(Map.of()), "MiniLLM needs 17 or newer");
  }

  @Test
  void aJavaOfNoVersionIsRefused() throws Exception {
    program(javaHome.resolve("bin/java"), "echo hello");
    assertFails(launch(Map.of()), "cannot tell the version");
  }

  @Test
  void aJavaHomeWithoutJavaIsRefused() throws Exception {
    Files.createDirectories(temp.resolve("other/bin/java"));
    for (String other : List.of("other", "missing")) {
      assertFails(
          launch(Map.of("JAVA_HOME", temp.resolve(other).toString())),
          "JAVA_HOME is " + temp.resolve(other),
          "JDK of version 17 or newer");
    }
  }

  /** A file where the folder of the build should be cannot be written to by root either. */
  @Test
  void aCheckoutThatCannotBeBuiltInSaysSo() throws Exception {
    // GIVEN sources that are newer than the build
    Files.delete(checkout.resolve("minillm-cli/target/minillm.built"));
    Files.createFile(checkout.resolve("target"));

    // WHEN
    Outcome outcome = launch(Map.of());

    // THEN
    List<String> lines = outcome.printed().lines().toList();
    assertThat(lines.get(lines.size() - 1))
        .startsWith("minillm: cannot write to " + checkout.resolve("target"))
        .endsWith("copy " + checkout + " to a place that can be written");
    assertThat(outcome.exitCode()).isEqualTo(1);
  }

  @Test
  void withoutFlockOneBuildWaitsForAnotherAndRunsWhatItBuilt() throws Exception {
    // GIVEN a build of another, no flock, and a path of nothing but what the script needs
    Files.delete(checkout.resolve("minillm-cli/target/minillm.built"));
    Path lock = Files.createDirectories(checkout.resolve("target/minillm.lock.d"));
    Path tools = Files.createDirectories(temp.resolve("tools"));
    for (String tool : List.of("dirname", "sed", "find", "mkdir", "rmdir", "sleep", "env")) {
      Path found =
          Stream.of(System.getenv("PATH").split(":"))
              .map(folder -> Path.of(folder, tool))
              .filter(Files::isExecutable)
              .findFirst()
              .orElseThrow();
      program(tools.resolve(tool), "exec " + found + " \"$@\"");
    }
    String line =
        "(sleep 1; : >\"$0\"/../minillm-cli/target/minillm.built; rmdir \"%s\") & PATH=%s exec \"$BASH\" \"$0\""
            .formatted(lock, tools)
            .replace("\"$0\"/..", "\"" + checkout + "\"");

    // THEN
    assertThat(run(line, Map.of())).isEqualTo(new Outcome("ran with C.UTF-8", 0));
    assertThat(lock).doesNotExist();
  }
}

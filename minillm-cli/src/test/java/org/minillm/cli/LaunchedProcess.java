package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The command in a process of its own, with what the launcher sets. */
final class LaunchedProcess {

  private static final Map<String, String> LAUNCHER =
      Map.of(
          "MALLOC_ARENA_MAX", "2",
          "MALLOC_MMAP_THRESHOLD_", "16777216",
          "MALLOC_TRIM_THRESHOLD_", "67108864",
          "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1",
          "OMP_WAIT_POLICY", "PASSIVE");

  private LaunchedProcess() {}

  /**
   * Starts a command.
   *
   * @param messages the file that all its output goes to
   */
  static Process start(Path messages, Object... arguments) throws IOException {
    Stream<String> java =
        Stream.of(
            ProcessHandle.current().info().command().orElse("java"),
            "-XX:+UseSerialGC",
            "-Xms32m",
            "-XX:MinHeapFreeRatio=10",
            "-XX:MaxHeapFreeRatio=25",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName());
    List<String> line = Stream.concat(java, Stream.of(arguments).map(Object::toString)).toList();
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(messages.toFile());
    builder.environment().putAll(LAUNCHER);
    builder.environment().remove("OMP_NUM_THREADS");
    return builder.start();
  }
}

package org.minillm.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * {@code --threads}: told to the engine and to Java's common pool, which both ask once, before
 * their first work.
 */
final class ThreadsOption {

  @Option(
      names = "--threads",
      paramLabel = "N",
      converter = OptionTypes.Threads.class,
      description =
          "Threads to compute with. More or fewer may change the last bits of a result. Default: one"
              + " for each core.")
  void threads(@Nullable Integer count) {
    if (count != null) {
      System.setProperty("ai.djl.pytorch.num_threads", count.toString());
      // the thread that asks works too
      System.setProperty(
          "java.util.concurrent.ForkJoinPool.common.parallelism", Integer.toString(count - 1));
    }
  }
}

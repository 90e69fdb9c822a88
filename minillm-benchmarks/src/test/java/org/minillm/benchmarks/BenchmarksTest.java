package org.minillm.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class BenchmarksTest {

  @Test
  void everyBenchmarkRuns() throws RunnerException {
    // WHEN each is called for a moment, in this process
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .include("org.minillm.benchmarks")
                    .forks(0)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(TimeValue.milliseconds(1))
                    .shouldFailOnError(true)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run();

    // THEN reading of three types, copy and perturbation by two laws, three of the solver at two
    // sizes
    assertThat(results).hasSize(3 + 2 * 2 + 2 * 3);
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ThreadsOptionTest {

  private static final String ENGINE = "ai.djl.pytorch.num_threads";
  private static final String JAVA = "java.util.concurrent.ForkJoinPool.common.parallelism";

  @BeforeEach
  @AfterEach
  void forget() {
    System.clearProperty(ENGINE);
    System.clearProperty(JAVA);
  }

  @Test
  void tellsTheEngineAndTheCommonPool() {
    // WHEN
    Main.commandLine().parseArgs("generate", "MODEL", "--prompt", "x", "--threads", "3");

    // THEN the pool has one less: the thread that asks works too
    assertThat(System.getProperty(ENGINE)).isEqualTo("3");
    assertThat(System.getProperty(JAVA)).isEqualTo("2");
  }

  @Test
  void leavesTheChoiceToThemUnasked() {
    // WHEN
    Main.commandLine().parseArgs("generate", "MODEL", "--prompt", "x");

    // THEN
    assertThat(System.getProperty(ENGINE)).isNull();
    assertThat(System.getProperty(JAVA)).isNull();
  }

  @Test
  void noThreadIsWrongUsage() {
    // WHEN
    CommandRun run = CommandRun.of("generate", "MODEL", "--prompt", "x", "--threads", "0");

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--threads").contains("expected a whole number of at least 1");
  }
}

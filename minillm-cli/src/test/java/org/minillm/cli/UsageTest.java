package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsageTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "inspect",
        "prune",
        "apply",
        "convert",
        "evaluate",
        "compare",
        "generate",
        "logits",
        "bench",
        "bench quality",
        "bench estimates",
        "generate-completion"
      })
  void everySubcommandExplainsItself(String subcommand) {
    // WHEN
    CommandRun run = CommandRun.of((subcommand + " --help").split(" "));

    // THEN
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .contains("Usage: minillm " + subcommand)
        .contains("Examples:")
        .doesNotContain("Makes large language models smaller");
  }

  @Test
  void helpOfTheCommandListsTheSubcommands() {
    // WHEN
    CommandRun run = CommandRun.of("--help");

    // THEN
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .contains(
            "demo",
            "inspect",
            "prune",
            "apply",
            "convert",
            "evaluate",
            "compare",
            "generate",
            "logits",
            "bench");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --ratio             | 0.2
          --groups            | channels
          --criterion         | obs\\.
          --gradient          | spsa\\.
          --probes            | 1\\.
          --epsilon           | 1e-3\\.
          --samples           | 128, or as many as.*
          --window            | 128\\.
          --multiple-of       | 1
          --recipe            | best\\.
          """)
  void helpShowsTheDefaultOfAnOption(String option, String value) {
    // WHEN
    String help = CommandRun.of("prune", "--help").out();

    // THEN the first default named after the option is its own
    assertThat(help.substring(help.indexOf("  " + option + "=")))
        .matches("(?s).*?Default:\\s+" + value + "\\R.*");
  }

  @Test
  void helpOfPruneHasSections() {
    // WHEN
    CommandRun run = CommandRun.of("prune", "--help");

    // THEN
    assertThat(run.out())
        .containsSubsequence("Options:", "What to remove:", "How importance is measured:");
  }

  @Test
  void versionNamesTheProgramAndJava() {
    // WHEN
    CommandRun run = CommandRun.of("--version");

    // THEN
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).startsWith("minillm ").contains("Java " + Runtime.version());
  }

  @Test
  void noSubcommandIsWrongUsage() {
    // WHEN
    CommandRun run = CommandRun.of();

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .isEqualToNormalizingNewlines(
            """
        minillm: no command given
        try 'minillm --help'
        """);
  }

  @Test
  void unknownOptionIsAnsweredWithWhatWasMeantAndNotTheWholeHelp() {
    // WHEN
    CommandRun run = CommandRun.of("prune", "M", "--calibration=c", "--out=d", "--rato=0.2");

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err())
        .isEqualToNormalizingNewlines(
            """
            minillm: Unknown option: '--rato=0.2'; did you mean --ratio?
            try 'minillm prune --help'
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          inspect                                            | MODEL
          prune M --calibration c                            | --out=DIR
          apply M --out d                                    | --plan=FILE
          apply M --plan p                                   | --out=DIR
          convert M --export gguf                            | --out=PATH
          evaluate M                                         | --perplexity=FILE
          compare M                                          | PRUNED
          compare M N                                        | --perplexity=FILE
          generate M                                         | --prompt=TEXT
          logits M --out o                                   | --ids=IDS
          logits M --ids i                                   | --out=FILE
          bench                                              | quality
          bench quality M --out d --calibration c            | --perplexity=FILE
          bench quality M --calibration c --perplexity p     | --out=DIR
          bench estimates M                                  | --out=DIR
          inspect M --seed 1                                 | --seed
          logits M --ids i --out o --json j                  | --json
          demo extra                                         | extra
          """)
  void missingOrSurplusArgumentsAreNamed(String arguments, String named) {
    // WHEN
    CommandRun run = CommandRun.of(arguments.split(" "));

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).startsWith("minillm: ").contains(named).hasLineCount(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --ratio 1           | expected a number between 0 and 1
          --ratio 0           | expected a number between 0 and 1
          --ratio NaN         | expected a number between 0 and 1
          --ratio much        | expected a number between 0 and 1
          --epsilon 0         | expected a finite number above 0
          --epsilon Infinity  | expected a finite number above 0
          --probes 0          | expected a whole number of at least 1
          --threads 2147483647 | expected at most 1024 threads
          --samples 2.5       | expected a whole number of at least 1
          --window 1          | expected a whole number of at least 2
          --multiple-of 0     | expected a whole number of at least 1
          --keep-layers 0,-1  | expected a whole number of at least 0
          --groups all        | expected one of [channels, heads, both]
          --gradient newton   | no gradient estimator "newton"; there is backprop, gates, spsa
          --backend gpu       | no kernels "gpu"; there is java; add the module that provides it
          --criterion fsm     | no importance criterion "fsm"; there is combination, energy, flap, fms, gate, gate-fisher, magnitude, obs, random, taylor, wanda
          --criterion fms:a=1 | fms has no parameter a; it takes aggregation
          --memory lots       | such as 512m, 2g or 4GiB
          --memory 0g         | expected at least 1
          """)
  void valuesOutOfRangeAreWrongUsage(String argument, String expected) {
    // GIVEN
    String[] option = argument.split(" ");

    // WHEN
    CommandRun run =
        CommandRun.of("prune", "M", "--calibration=c", "--out=d", option[0], option[1]);

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("'" + option[0] + "'", expected).hasLineCount(2);
  }

  @Test
  void completionScriptKnowsSubcommandsAndOptions() {
    // WHEN
    CommandRun run = CommandRun.of("generate-completion");

    // THEN
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).startsWith("#!").contains("prune", "--keep-layers", "channels");
  }
}

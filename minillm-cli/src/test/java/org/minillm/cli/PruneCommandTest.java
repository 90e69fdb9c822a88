package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.runtime.MemoryBudget;
import picocli.CommandLine.ParseResult;

class PruneCommandTest {

  @Test
  void readsEveryOption() {
    // GIVEN
    String line =
        "prune M --calibration c.txt --out d --ratio 0.35 --groups both --criterion wanda"
            + " --gradient none --probes 16 --epsilon 1e-4 --samples 8 --window 64"
            + " --multiple-of 32 --keep-layers 0,1,29 --seed -7 --memory 2g --plan-only p.json"
            + " --force --speed --json r.json";

    // WHEN
    ParseResult parsed = parse(line);

    // THEN
    assertThat(parsed.matchedPositionalValue(0, Path.of("?"))).isEqualTo(Path.of("M"));
    assertThat(value(parsed, "--calibration")).isEqualTo(Path.of("c.txt"));
    assertThat(value(parsed, "--out")).isEqualTo(Path.of("d"));
    assertThat(value(parsed, "--ratio")).isEqualTo(0.35);
    assertThat(value(parsed, "--groups")).isEqualTo(PrunedGroups.BOTH);
    assertThat(value(parsed, "--criterion")).isEqualTo("wanda");
    assertThat(value(parsed, "--gradient")).isEqualTo("none");
    assertThat(value(parsed, "--probes")).isEqualTo(16);
    assertThat(value(parsed, "--epsilon")).isEqualTo(1e-4);
    assertThat(value(parsed, "--samples")).isEqualTo(8);
    assertThat(value(parsed, "--window")).isEqualTo(64);
    assertThat(value(parsed, "--multiple-of")).isEqualTo(32);
    assertThat(value(parsed, "--keep-layers")).isEqualTo(List.of(0, 1, 29));
    assertThat(value(parsed, "--seed")).isEqualTo(-7L);
    assertThat(value(parsed, "--memory")).isEqualTo(new MemoryBudget(2L << 30));
    assertThat(value(parsed, "--plan-only")).isEqualTo(Path.of("p.json"));
    assertThat(value(parsed, "--force")).isEqualTo(true);
    assertThat(value(parsed, "--speed")).isEqualTo(true);
    assertThat(value(parsed, "--json")).isEqualTo(Path.of("r.json"));
  }

  @Test
  void fillsInTheDefaultsWithoutAnyOptionOfTheirSections() {
    // WHEN
    ParseResult parsed = parse("prune M --out d");

    // THEN
    assertThat(value(parsed, "--ratio")).isEqualTo(0.2);
    assertThat(value(parsed, "--groups")).isEqualTo(PrunedGroups.CHANNELS);
    assertThat(value(parsed, "--keep-layers")).isEqualTo(List.of());
  }

  @Test
  void oneOptionOfASectionLeavesTheOthersAtTheirDefaults() {
    // WHEN
    ParseResult parsed = parse("prune M --calibration c.txt --out d --ratio 0.5 --probes 4");

    // THEN
    assertThat(value(parsed, "--ratio")).isEqualTo(0.5);
    assertThat(value(parsed, "--groups")).isEqualTo(PrunedGroups.CHANNELS);
    assertThat(value(parsed, "--probes")).isEqualTo(4);
    assertThat(value(parsed, "--gradient")).isNull();
  }

  @Test
  void bothMeansChannelsAndHeads() {
    assertThat(PrunedGroups.BOTH.kinds())
        .containsExactlyInAnyOrder(GroupKind.MLP_CHANNELS, GroupKind.ATTENTION_HEADS);
    assertThat(PrunedGroups.HEADS.kinds()).containsExactly(GroupKind.ATTENTION_HEADS);
    assertThat(PrunedGroups.CHANNELS.kinds()).containsExactly(GroupKind.MLP_CHANNELS);
  }

  private static ParseResult parse(String line) {
    return Main.commandLine().parseArgs(line.split(" ")).subcommand();
  }

  private static Object value(ParseResult parsed, String option) {
    return parsed.commandSpec().findOption(option).getValue();
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.model.GroupKind;
import picocli.CommandLine.ParseResult;

class PruneCommandTest {

  @Test
  void readsEveryOption() {
    // GIVEN
    String line =
        "prune M --calibration c.txt --out d --ratio 0.35 --groups both --criterion wanda"
            + " --gradient none --probes 16 --epsilon 1e-4 --samples 8 --window 64"
            + " --multiple-of 32 --keep-layers 0,1,29 --seed -7 --memory 2g --plan-only p.json"
            + " --force --json r.json";

    // WHEN
    ParseResult parsed = parse(line);

    // THEN
    assertThat(parsed.matchedPositionalValue(0, Path.of("?"))).isEqualTo(Path.of("M"));
    assertThat(value(parsed, "--calibration")).isEqualTo(Path.of("c.txt"));
    assertThat(value(parsed, "--out")).isEqualTo(Path.of("d"));
    assertThat(value(parsed, "--ratio")).isEqualTo(0.35);
    assertThat(value(parsed, "--groups")).isEqualTo(PrunedGroups.BOTH);
    assertThat(value(parsed, "--criterion")).isEqualTo("wanda");
    assertThat(value(parsed, "--gradient")).isEqualTo(GradientChoice.NONE);
    assertThat(value(parsed, "--probes")).isEqualTo(16);
    assertThat(value(parsed, "--epsilon")).isEqualTo(1e-4);
    assertThat(value(parsed, "--samples")).isEqualTo(8);
    assertThat(value(parsed, "--window")).isEqualTo(64);
    assertThat(value(parsed, "--multiple-of")).isEqualTo(32);
    assertThat(value(parsed, "--keep-layers")).isEqualTo(List.of(0, 1, 29));
    assertThat(value(parsed, "--seed")).isEqualTo(-7L);
    assertThat(value(parsed, "--memory")).isEqualTo(2L << 30);
    assertThat(value(parsed, "--plan-only")).isEqualTo(Path.of("p.json"));
    assertThat(value(parsed, "--force")).isEqualTo(true);
    assertThat(value(parsed, "--json")).isEqualTo(Path.of("r.json"));
  }

  @Test
  void fillsInTheDefaultsWithoutAnyOptionOfTheirSections() {
    // WHEN
    ParseResult parsed = parse("prune M --calibration c.txt --out d");

    // THEN
    assertThat(value(parsed, "--ratio")).isEqualTo(0.2);
    assertThat(value(parsed, "--groups")).isEqualTo(PrunedGroups.CHANNELS);
    assertThat(value(parsed, "--criterion")).isEqualTo("fms");
    assertThat(value(parsed, "--gradient")).isEqualTo(GradientChoice.SPSA);
    assertThat(value(parsed, "--epsilon")).isEqualTo(1e-3);
    assertThat(value(parsed, "--samples")).isEqualTo(32);
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
    assertThat(value(parsed, "--window")).isEqualTo(128);
  }

  @Test
  void bothMeansChannelsAndHeads() {
    assertThat(PrunedGroups.BOTH.kinds())
        .containsExactlyInAnyOrder(GroupKind.MLP_CHANNELS, GroupKind.ATTENTION_HEADS);
    assertThat(PrunedGroups.HEADS.kinds()).containsExactly(GroupKind.ATTENTION_HEADS);
    assertThat(PrunedGroups.CHANNELS.kinds()).containsExactly(GroupKind.MLP_CHANNELS);
  }

  @ParameterizedTest
  @CsvSource({"1000, 1000", "3k, 3072", "512m, 536870912", "2g, 2147483648", "4GiB, 4294967296"})
  void memoryIsReadInPowersOf1024(String text, long bytes) {
    assertThat(new OptionTypes.Bytes().convert(text)).isEqualTo(bytes);
  }

  private static ParseResult parse(String line) {
    return Main.commandLine().parseArgs(line.split(" ")).subcommand();
  }

  private static Object value(ParseResult parsed, String option) {
    return parsed.commandSpec().findOption(option).getValue();
  }
}

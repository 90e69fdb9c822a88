package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.cli.CommandRun.json;
import static org.minillm.cli.CommandRun.succeeding;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

class BenchPassesCommandTest {

  /** Times are printed with two digits after the point. */
  private static final double PRINTED = 0.006;

  @TempDir Path temp;

  @Test
  void stepsStandBesidePurePassesWithWhatTheyCostInThem() throws IOException {
    // GIVEN
    Path dense = DemoData.model(DemoData.extract(temp));
    Path report = temp.resolve("passes.json");

    // WHEN
    CommandRun run =
        succeeding(
            "bench",
            "passes",
            dense,
            "--methods",
            "wanda,fms@spsa:data=all,probes=2",
            "--samples",
            8,
            "--rounds",
            1,
            "--json",
            report);

    // THEN the pure passes come first, and two probes on all windows and their scores are 5 passes
    JsonObject json = json(report);
    assertThat(json.get("step_1").getAsString()).isEqualTo("layers");
    assertThat(json.get("step_2").getAsString()).isEqualTo("layers and language head");
    assertThat(json.get("step_3").getAsString()).isEqualTo("wanda: plan");
    assertThat(json.get("forward_passes_3").getAsLong()).isEqualTo(1);
    assertThat(json.get("step_4").getAsString()).isEqualTo("wanda: write");
    assertThat(json.get("forward_passes_4").isJsonNull()).isTrue();
    assertThat(json.get("forward_passes_5").getAsLong()).isEqualTo(5);
    // and the columns are ratios to the first two
    MatchResult printed =
        Pattern.compile("wanda: plan +1 +\\S+ +(\\S+) +(\\S+)\n")
            .matcher(run.out())
            .results()
            .findFirst()
            .orElseThrow();
    double seconds = json.get("seconds_3").getAsDouble();
    assertThat(Double.parseDouble(printed.group(1)))
        .isEqualTo(seconds / json.get("seconds_1").getAsDouble(), within(PRINTED));
    assertThat(Double.parseDouble(printed.group(2)))
        .isEqualTo(seconds / json.get("seconds_2").getAsDouble(), within(PRINTED));
  }

  @Test
  void aMethodThatIsNotKnownIsWrongUsage() {
    // WHEN
    CommandRun run = CommandRun.of("bench", "passes", "MODEL", "--methods", "luck");

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("Invalid value for option '--methods'", "luck");
  }
}

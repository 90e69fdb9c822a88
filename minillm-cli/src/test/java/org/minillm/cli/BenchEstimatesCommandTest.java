package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/** Estimates of the gradient beside the true one. */
class BenchEstimatesCommandTest {

  /** Four layers of 512 channels of three times 192 weights; q and o of 192 x 192, k and v half. */
  private static final String CHANNEL_WEIGHTS = Integer.toString(4 * 512 * 3 * 192);

  private static final String HEAD_WEIGHTS = Integer.toString(4 * 3 * 192 * 192);

  @TempDir static Path temp;
  private static Path model;

  @BeforeAll
  static void extractTheDemo() throws IOException {
    model = DemoData.model(DemoData.extract(temp.resolve("demo")));
  }

  private static CommandRun bench(Path out, String estimators, int samples) {
    return CommandRun.succeeding(
        "bench",
        "estimates",
        model,
        "--samples",
        samples,
        "--estimators",
        estimators,
        "--out",
        out);
  }

  /** Column by column; no estimator in these tests has a comma. */
  private static List<List<String>> rows(Path out) throws IOException {
    return Files.readAllLines(out.resolve("estimates.csv")).stream()
        .map(Splitter.on(',')::splitToList)
        .toList();
  }

  private static double cosine(List<String> row) {
    return Double.parseDouble(row.get(6));
  }

  @Test
  void trueGradientAgreesWithItself() throws IOException {
    // WHEN the estimator is the reference
    Path out = temp.resolve("backprop");
    CommandRun run = bench(out, "backprop", 2);

    // THEN weights of all groups and gates of each kind have the same direction and the same order
    List<List<String>> rows = rows(out);
    assertThat(rows.get(0))
        .containsExactly(
            "estimator",
            "of",
            "groups",
            "dimensions",
            "forward_passes",
            "seconds",
            "cosine",
            "rank_within_layers",
            "rank_over_model",
            "rank_of_layers");
    assertThat(rows.stream().skip(1).map(row -> row.subList(0, 5)))
        .containsExactly(
            List.of("backprop", "weights", "channels", CHANNEL_WEIGHTS, "2"),
            List.of("backprop", "weights", "heads", HEAD_WEIGHTS, "2"),
            List.of("backprop", "weights", "both", "1622016", "2"),
            List.of("backprop", "gates", "channels", "2048", "2"),
            List.of("backprop", "gates", "heads", "12", "2"));
    assertThat(rows.stream().skip(1))
        .allSatisfy(
            row ->
                assertThat(row.subList(6, 10).stream().filter(cell -> !cell.isEmpty()))
                    .hasSizeGreaterThan(2)
                    .allSatisfy(
                        cell -> assertThat(Double.parseDouble(cell)).isCloseTo(1, within(1e-6))));
    assertThat(run.out().lines().findFirst().orElseThrow()).contains("cosine", "rank in layers");
    assertThat(run.out()).contains("backprop   gates    heads", out + "/estimates.csv");
  }

  @Test
  void cosineOfSpsaIsTheRootOfProbesOverWeights() throws IOException {
    // WHEN 16 probes see both windows
    Path out = temp.resolve("spsa");
    bench(out, "spsa:data=all,probes=16", 2);

    // THEN over all weights it is sqrt(16 / 1,622,016) = 0.0031, within the noise of 16 draws
    String row =
        Files.readAllLines(out.resolve("estimates.csv")).stream()
            .filter(line -> line.contains(",both,"))
            .findFirst()
            .orElseThrow();
    assertThat(row).startsWith("\"spsa:data=all,probes=16\",weights,both,1622016,32,");
    double cosine = Double.parseDouble(Splitter.on(',').splitToList(row).get(7));
    assertThat(cosine).isBetween(0.5 * 0.0031, 1.5 * 0.0031);
  }

  @Test
  void gatesSayMoreOfFewHeadsThanOfManyChannels() throws IOException {
    // WHEN
    Path out = temp.resolve("gates");
    bench(out, "gates", 4);

    // THEN
    List<List<String>> rows = rows(out);
    assertThat(rows.get(1).subList(0, 5))
        .containsExactly("gates", "gates", "channels", "2048", "8");
    assertThat(rows.get(2).subList(0, 5)).containsExactly("gates", "gates", "heads", "12", "8");
    assertThat(cosine(rows.get(2))).isGreaterThan(0.3).isGreaterThan(3 * cosine(rows.get(1)));
  }

  @Test
  void gradientOfOneEverywhereHasNoDirectionButAnOrder() throws IOException {
    // WHEN nothing is estimated
    Path out = temp.resolve("none");
    bench(out, "none", 2);

    // THEN the order of the weights' sums is compared, and no pass was run for it
    List<String> channels = rows(out).get(1);
    assertThat(channels.subList(0, 5))
        .containsExactly("none", "weights", "channels", CHANNEL_WEIGHTS, "0");
    assertThat(channels.get(6)).isEmpty();
    assertThat(Double.parseDouble(channels.get(7))).isBetween(0.2, 0.8);
  }

  @Test
  void unknownEstimatorIsWrongUsage() {
    // WHEN
    CommandRun run =
        CommandRun.of("bench", "estimates", "M", "--estimators", "spsa,newton", "--out", "d");

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err())
        .contains(
            "'--estimators': no gradient estimator \"newton\"; there is backprop, gates, spsa");
  }
}

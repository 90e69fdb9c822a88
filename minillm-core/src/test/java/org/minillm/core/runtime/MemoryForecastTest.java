package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class MemoryForecastTest {

  private static final long MB = 1_000_000;

  /** Ten layers of 100 MB at most, 950 MB in all, and 250 MB to work with. */
  private static final MemoryForecast FORECAST =
      new MemoryForecast(100 * MB, 950 * MB, 0, 250 * MB, 0);

  private static int resident(MemoryForecast forecast, long megabytes) {
    return forecast.residentLayers(new MemoryBudget(megabytes * MB), OptionalLong.of(400 * MB));
  }

  private static boolean readsAhead(MemoryForecast forecast, long megabytes) {
    return forecast.readsAhead(new MemoryBudget(megabytes * MB), OptionalLong.of(400 * MB));
  }

  @Test
  void layersStayAsFarAsTheBudgetHasRoomBesideTheProcessTheWorkAndTheLayerReadAhead() {
    assertThat(resident(FORECAST, 500)).isZero();
    assertThat(resident(FORECAST, 849)).isZero();
    assertThat(resident(FORECAST, 850)).isEqualTo(1);
    assertThat(resident(FORECAST, 1_599)).isEqualTo(8);
    assertThat(resident(FORECAST, 1_600)).isGreaterThanOrEqualTo(10);
  }

  @Test
  void aLayerIsReadAheadWhereASecondOneHasRoom() {
    assertThat(readsAhead(FORECAST, 500)).isFalse();
    assertThat(readsAhead(FORECAST, 749)).isFalse();
    assertThat(readsAhead(FORECAST, 750)).isTrue();
    assertThat(readsAhead(FORECAST, 1_600)).isTrue();
    assertThat(readsAhead(FORECAST.plus(200 * MB), 949)).isFalse();
  }

  @Test
  void whatAPassHoldsBesidesTakesTheRoomOfLayers() {
    assertThat(resident(FORECAST.plus(200 * MB), 1_050)).isEqualTo(1);
    assertThat(FORECAST.plus(200 * MB).smallestBudget())
        .isEqualTo(FORECAST.smallestBudget() + 200 * MB);
  }

  @Test
  void peakIsTheProcessTheWorkAndTheLayersThatStayOrAreReadAhead() {
    long least = FORECAST.smallestBudget();
    assertThat(FORECAST.peakBytes(new MemoryBudget(least))).isEqualTo(least);
    assertThat(FORECAST.peakBytes(new MemoryBudget(least + 100 * MB))).isEqualTo(least + 100 * MB);
    assertThat(FORECAST.peakBytes(new MemoryBudget(least + 250 * MB))).isEqualTo(least + 200 * MB);
    assertThat(FORECAST.peakBytes(new MemoryBudget(least + 5_000 * MB)))
        .isEqualTo(least + 950 * MB);
  }

  @Test
  void theLanguageHeadStaysWhereThereIsRoomBesideAllLayers() {
    MemoryForecast forecast = FORECAST.withHead(200 * MB);
    long least = forecast.smallestBudget();
    OptionalLong unknown = OptionalLong.empty();

    assertThat(least).isEqualTo(FORECAST.smallestBudget());
    assertThat(forecast.keepsHead(new MemoryBudget(least + 1_149 * MB), unknown)).isFalse();
    assertThat(forecast.peakBytes(new MemoryBudget(least + 1_149 * MB)))
        .isEqualTo(least + 950 * MB);
    assertThat(forecast.keepsHead(new MemoryBudget(least + 1_150 * MB), unknown)).isTrue();
    assertThat(forecast.peakBytes(new MemoryBudget(least + 1_150 * MB)))
        .isEqualTo(least + 1_150 * MB);
    assertThat(FORECAST.keepsHead(new MemoryBudget(8_000 * MB), unknown)).isFalse();
  }

  @Test
  void modelsThatAreOpenTogetherShareTheProcess() {
    // 250 MB of work and 950 MB of layers each
    MemoryBudget ample = new MemoryBudget(8_000 * MB);
    assertThat(MemoryForecast.peakBytesTogether(List.of(FORECAST, FORECAST), ample))
        .isEqualTo(MemoryForecast.PROCESS_BYTES + 2 * 1_200 * MB);

    // and in the smallest budget, nothing stays of either
    MemoryBudget least = new MemoryBudget(MemoryForecast.PROCESS_BYTES + 2 * 250 * MB);
    assertThat(MemoryForecast.peakBytesTogether(List.of(FORECAST, FORECAST), least))
        .isEqualTo(least.bytes());
  }

  @Test
  void aBudgetThatIsTooSmallIsSaidToBeWithOneThatIsNot() {
    long least = MemoryForecast.PROCESS_BYTES + 250 * MB;
    assertThat(FORECAST.shortfall(new MemoryBudget(least), "m")).isEmpty();
    assertThat(FORECAST.shortfall(new MemoryBudget(500 << 20), "models/m"))
        .contains(
            "memory budget 500.0 MiB: this work on models/m takes about 617 MB with one layer in"
                + " memory at a time");
    assertThat(MemoryBudget.parse(FORECAST.smallestBudgetInWords()).bytes())
        .isBetween(least, least + (1 << 20));
  }

  private static boolean spills(MemoryForecast forecast, long megabytes) {
    return forecast.spillsStreams(new MemoryBudget(megabytes * MB), OptionalLong.of(400 * MB));
  }

  @Test
  void streamsTakeTheRoomOfLayersAndWaitOnTheDiskWhereTheyHaveNone() {
    // GIVEN 300 MB of streams beside 650 MB of process and work
    MemoryForecast forecast = FORECAST.withStreams(300 * MB);

    // THEN below 950 MB they are on the disk, and the room is for layers
    assertThat(spills(FORECAST, 1)).isFalse();
    assertThat(spills(forecast, 1)).isTrue();
    assertThat(spills(forecast, 949)).isTrue();
    assertThat(resident(forecast, 949)).isEqualTo(1);
    assertThat(spills(forecast, 950)).isFalse();
    assertThat(resident(forecast, 950)).isZero();
    assertThat(readsAhead(forecast, 1_049)).isFalse();
    assertThat(resident(forecast, 1_150)).isEqualTo(1);
  }

  @Test
  void theSmallestBudgetDoesNotGrowWithTheStreams() {
    MemoryForecast forecast = FORECAST.withStreams(300 * MB);
    long least = FORECAST.smallestBudget();

    assertThat(forecast.smallestBudget()).isEqualTo(least);
    assertThat(forecast.peakBytes(new MemoryBudget(least + 299 * MB))).isEqualTo(least + 200 * MB);
    assertThat(forecast.peakBytes(new MemoryBudget(least + 300 * MB))).isEqualTo(least + 300 * MB);
  }
}

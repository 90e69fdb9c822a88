package org.minillm.core.fake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.Floats;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.MemoryForecast;

/** What a forward pass computes, and in which order, of a model that a person can compute. */
class ForwardPassTest {

  private static final List<int[]> WINDOWS = List.of(new int[] {0, 1, 2}, new int[] {3, 3, 0});

  @TempDir private Path temp;

  /** Opens the model; what goes through it stands in memory, or waits in a scratch file. */
  private CausalLm open(boolean spilled) throws IOException {
    Path folder = FakeModel.in(temp);
    if (!spilled) {
      return CausalLm.open(folder);
    }
    MemoryForecast pass;
    try (CausalLm roomy = CausalLm.open(folder)) {
      pass = roomy.memoryForecast(3).withStreams(1 << 20);
    }
    CausalLm tight = CausalLm.open(folder, new MemoryBudget(pass.smallestBudget()));
    tight.reserve(pass);
    return tight;
  }

  private static float[] streamOf(float[][] ofToken, List<int[]> windows) {
    return Floats.concat(
        windows.stream()
            .flatMap(window -> Arrays.stream(window).mapToObj(token -> ofToken[token]))
            .toArray(float[][]::new));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void streamAfterEachLayerIsThatOfTheHand(boolean spilled) throws IOException {
    try (CausalLm model = open(spilled)) {
      assertThat(model.spillsStreams()).isEqualTo(spilled);
      assertThat(new FakePass(model).streams(WINDOWS))
          .containsExactly(
              streamOf(FakeModel.AFTER_FIRST, WINDOWS), streamOf(FakeModel.AFTER_LAST, WINDOWS));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void lossesAreThoseOfTheHand(boolean spilled) throws IOException {
    try (CausalLm model = open(spilled)) {
      assertThat(new FakePass(model).losses(WINDOWS))
          .containsExactly(
              new double[] {
                (FakeModel.loss(0, 1) + FakeModel.loss(1, 2)) / 2,
                (FakeModel.loss(3, 3) + FakeModel.loss(3, 0)) / 2
              },
              within(1e-6));
    }
  }

  @Test
  void channelsOfTheTapAreThoseOfTheHand() throws IOException {
    // GIVEN tokens 0 and 3 of (1, 0) and (2, -1): after the first layer (3, -1) and (5, -3)
    List<float[]> channels = new ArrayList<>();
    try (CausalLm model = open(false)) {
      // WHEN
      new FakePass(model)
          .tap(
              (point, input) -> {
                if (point.endsWith("down")) {
                  channels.add(input.toFloatArray());
                }
              })
          .streams(List.of(new int[] {0, 3}));
    }
    // THEN (a, b, a+b) of the first, (c-d, 2d, c) of the second layer
    assertThat(channels)
        .containsExactly(new float[] {1, 0, 1, 2, -1, 1}, new float[] {4, -2, 3, 8, -6, 5});
  }

  @Test
  void everyMicroBatchPassesALayerBeforeTheNextIsOpened() throws IOException {
    // GIVEN two windows that do not fit one micro-batch
    int[] window = new int[FakePass.MICRO_BATCH / 2 + 1];
    List<String> seen = new ArrayList<>();
    try (CausalLm model = open(false)) {
      // WHEN
      new FakePass(model)
          .transform(
              (tensor, weight, owner) -> {
                seen.add("open " + tensor);
                return weight;
              })
          .tap((point, input) -> seen.add(point))
          .streams(List.of(window, window));
    }
    // THEN
    List<String> batch0 = List.of("layers.0.up", "layers.0.down");
    List<String> batch1 = List.of("layers.1.up", "layers.1.down");
    assertThat(seen)
        .containsExactlyElementsOf(
            Stream.of(
                    List.of("open layers.0.up", "open layers.0.down"),
                    batch0,
                    batch0,
                    List.of("open layers.1.up", "open layers.1.down"),
                    batch1,
                    batch1)
                .flatMap(List::stream)
                .toList());
  }

  @Test
  void microBatchesDoNotChangeWhatIsComputed() throws IOException {
    // GIVEN windows of token 2 and of token 3, each a micro-batch of its own
    int[] twos = new int[FakePass.MICRO_BATCH / 2 + 1];
    int[] threes = twos.clone();
    Arrays.fill(twos, 2);
    Arrays.fill(threes, 3);
    try (CausalLm model = open(false)) {
      // WHEN
      List<float[]> streams = new FakePass(model).streams(List.of(twos, threes));
      // THEN
      assertThat(streams)
          .containsExactly(
              streamOf(FakeModel.AFTER_FIRST, List.of(twos)),
              streamOf(FakeModel.AFTER_FIRST, List.of(threes)),
              streamOf(FakeModel.AFTER_LAST, List.of(twos)),
              streamOf(FakeModel.AFTER_LAST, List.of(threes)));
    }
  }

  @Test
  void changedWeightsAreReadAndTheModelKeepsItsOwn() throws IOException {
    try (CausalLm model = open(false)) {
      // WHEN the second layer adds nothing
      List<float[]> streams =
          new FakePass(model)
              .transform(
                  (tensor, weight, owner) ->
                      tensor.equals("layers.1.down") ? owner.zeros(weight.getShape()) : weight)
              .streams(WINDOWS);
      // THEN
      float[] afterFirst = streamOf(FakeModel.AFTER_FIRST, WINDOWS);
      assertThat(streams).containsExactly(afterFirst, afterFirst);
      assertThat(new FakePass(model).streams(WINDOWS))
          .containsExactly(afterFirst, streamOf(FakeModel.AFTER_LAST, WINDOWS));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void interruptEndsAPassAndTheModelGoesOn(boolean spilled) throws IOException {
    try (CausalLm model = open(spilled)) {
      // WHEN a pass is interrupted in its first layer
      FakePass interrupted =
          new FakePass(model).tap((point, input) -> Thread.currentThread().interrupt());
      // THEN it is told
      assertThatThrownBy(() -> interrupted.streams(WINDOWS))
          .isInstanceOf(ClosedByInterruptException.class);
      assertThat(Thread.interrupted()).isTrue();
      // THEN the next one computes what the hand does
      assertThat(new FakePass(model).streams(WINDOWS))
          .endsWith(streamOf(FakeModel.AFTER_LAST, WINDOWS));
    }
  }
}

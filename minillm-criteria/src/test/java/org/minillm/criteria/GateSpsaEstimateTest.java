package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.nio.FloatBuffer;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.tensor.NotFiniteException;

class GateSpsaEstimateTest {

  /** Numbers of size 10 after a few roundings of a double. */
  private static final Offset<Double> ROUNDING = Offset.offset(1e-13);

  private static final int UNITS = 3;

  private static final PruningGroup HEADS =
      new PruningGroup(
          new GroupId(1, GroupKind.ATTENTION_HEADS),
          UNITS,
          List.of(new TensorSlice("o", 1, 2, "o")));

  /** z of a pair, (window, unit). */
  private static float[][] signs(long seed, int windows) {
    float[][] z = new float[windows][UNITS];
    for (int window = 0; window < windows; window++) {
      GateNoise.fillSigns(FloatBuffer.wrap(z[window]), seed, HEADS, window);
    }
    return z;
  }

  private static GateGradient gates(GateSpsaEstimate.Pair... pairs) {
    return new GateSpsaEstimate(
            ImmutableListMultimap.<GroupKind, GateSpsaEstimate.Pair>builder()
                .putAll(GroupKind.ATTENTION_HEADS, pairs)
                .build(),
            ImmutableMap.of(),
            4)
        .gates(HEADS)
        .orElseThrow();
  }

  private static GateSpsaEstimate.Pair pair(long seed, double... slopes) {
    return new GateSpsaEstimate.Pair(seed, ImmutableDoubleArray.copyOf(slopes));
  }

  @Test
  void theMeanIsThatOfSlopeTimesSignOverPairsAndWindows() {
    // GIVEN two pairs over two windows
    float[][] a = signs(7, 2);
    float[][] b = signs(8, 2);

    // WHEN
    double[] mean = gates(pair(7, 3, -1), pair(8, 2, 5)).mean().toArray();

    // THEN
    for (int u = 0; u < UNITS; u++) {
      double expected = (3 * a[0][u] - a[1][u] + 2 * b[0][u] + 5 * b[1][u]) / 4;
      assertThat(mean[u]).isCloseTo(expected, ROUNDING);
    }
  }

  @Test
  void theMeanSquareTakesProductsOfDifferentPairsOfTheSameWindow() {
    // GIVEN three pairs over two windows
    float[][] a = signs(7, 2);
    float[][] b = signs(8, 2);
    float[][] c = signs(9, 2);

    // WHEN
    double[] square = gates(pair(7, 3, -1), pair(8, 2, 5), pair(9, 4, 1)).meanSquare().toArray();

    // THEN each window has the mean of three products
    for (int u = 0; u < UNITS; u++) {
      double first = 6 * a[0][u] * b[0][u] + 12 * a[0][u] * c[0][u] + 8 * b[0][u] * c[0][u];
      double second = -5 * a[1][u] * b[1][u] - a[1][u] * c[1][u] + 5 * b[1][u] * c[1][u];
      assertThat(square[u]).isCloseTo((first / 3 + second / 3) / 2, ROUNDING);
    }
  }

  @Test
  void signsOfAWindowDoNotDependOnWhereTheFillStarts() {
    // GIVEN two windows in one fill
    float[] both = new float[2 * UNITS];
    GateNoise.fillSigns(FloatBuffer.wrap(both), 7, HEADS, 0);

    // THEN they are those of single fills
    float[][] single = signs(7, 2);
    assertThat(both)
        .containsExactly(
            single[0][0], single[0][1], single[0][2], single[1][0], single[1][1], single[1][2]);
  }

  @Test
  void aKindThatWasNotMeasuredHasNone() {
    GateSpsaEstimate estimate =
        new GateSpsaEstimate(ImmutableListMultimap.of(), ImmutableMap.of(), 0);
    assertThat(estimate.gates(HEADS)).isEmpty();
  }

  @Test
  void aSlopeThatIsNotFiniteNamesTheWindow() {
    assertThatThrownBy(() -> pair(7, 1, Double.NaN))
        .isInstanceOf(NotFiniteException.class)
        .hasMessage("calibration window 1: slope NaN, the loss overflowed; take a smaller epsilon");
  }
}

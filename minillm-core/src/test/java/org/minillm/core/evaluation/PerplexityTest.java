package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableDoubleArray;
import org.junit.jupiter.api.Test;

class PerplexityTest {

  private static Perplexity measured(String source, double... windows) {
    return new Perplexity(source, 128, ImmutableDoubleArray.copyOf(windows));
  }

  @Test
  void perplexityIsTheExponentialOfTheMeanOverTheWindows() {
    assertThat(measured("text", 1, 2, 3).perplexity()).isCloseTo(Math.exp(2), within(1e-12));
  }

  @Test
  void logRatioAndItsStandardErrorAreThoseOfTheDifferencesOfTheWindows() {
    // GIVEN differences of 0.5, 0.5 and 2: mean 1, variance (0.25 + 0.25 + 1) / 2 = 0.75
    Perplexity reference = measured("text", 0.5, 1.5, 2);
    Perplexity other = measured("text", 1, 2, 4);

    // WHEN
    Perplexity.LogRatio ratio = other.logRatio(reference);

    // THEN the error is sqrt(0.75 / 3)
    assertThat(ratio.mean()).isCloseTo(1, within(1e-12));
    assertThat(ratio.standardError()).isCloseTo(0.5, within(1e-12));
    assertThat(Math.exp(ratio.mean()))
        .isCloseTo(other.perplexity() / reference.perplexity(), within(1e-12));
  }

  @Test
  void oneWindowHasNoStandardError() {
    Perplexity.LogRatio ratio = measured("text", 2).logRatio(measured("text", 1));
    assertThat(ratio.mean()).isEqualTo(1);
    assertThat(ratio.standardError()).isNaN();
  }

  @Test
  void measurementsOnOtherWindowsDoNotCompare() {
    assertThatThrownBy(() -> measured("a.txt", 1, 2).logRatio(measured("b.txt", 1, 2)))
        .hasMessageContaining("2 windows of 128 tokens of a.txt")
        .hasMessageContaining("2 of 128 of b.txt");
    assertThatThrownBy(() -> measured("a.txt", 1, 2).logRatio(measured("a.txt", 1)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

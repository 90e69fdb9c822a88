package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import org.junit.jupiter.api.Test;
import org.minillm.core.evaluation.ContinuationAgreement.OfPrompt;

class ContinuationAgreementTest {

  @Test
  void agreementCountsPositionsAndThePrefixEndsAtTheFirstDifference() {
    // GIVEN the reference 5 6 7 8: forced, the third token differs; running freely, the second
    OfPrompt compared =
        OfPrompt.of(new int[] {5, 6, 7, 8}, new int[] {5, 6, 1, 8}, new int[] {5, 2, 7, 8});

    // THEN
    assertThat(compared).isEqualTo(new OfPrompt(4, 3, 1, false));
  }

  @Test
  void sameContinuationIsExact() {
    assertThat(OfPrompt.of(new int[] {5, 6}, new int[] {5, 6}, new int[] {5, 6}))
        .isEqualTo(new OfPrompt(2, 2, 2, true));
  }

  @Test
  void continuationThatEndsEarlierOrLaterIsNotExact() {
    assertThat(OfPrompt.of(new int[] {5, 6}, new int[] {5, 0}, new int[] {5}))
        .isEqualTo(new OfPrompt(2, 1, 1, false));
    assertThat(OfPrompt.of(new int[] {5}, new int[] {5}, new int[] {5, 6}))
        .isEqualTo(new OfPrompt(1, 1, 1, false));
  }

  @Test
  void tokenAgreementIsOverAllTokensAndTheOthersOverThePrompts() {
    // GIVEN
    ContinuationAgreement agreement =
        new ContinuationAgreement(
            ImmutableList.of(new OfPrompt(8, 5, 2, false), new OfPrompt(2, 2, 2, true)));

    // THEN
    assertThat(agreement.tokenAgreement()).isCloseTo(7 / 10.0, within(1e-12));
    assertThat(agreement.exactMatches()).isCloseTo(0.5, within(1e-12));
    assertThat(agreement.meanCommonPrefix()).isCloseTo(2, within(1e-12));
  }
}

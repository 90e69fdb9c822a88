package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.GroupKind;

class PruningTargetTest {

  private static final PruningTarget FIFTH = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);

  /** 11008 of LLaMA-7B, 4864 of Qwen2.5-0.5B, 1536 of SmolLM2-135M. */
  @ParameterizedTest
  @CsvSource({"11008,256", "8192,256", "8191,32", "4864,32", "1536,32", "1024,32", "1023,1", "8,1"})
  void widthsAreWholeBlocksOfQuantisersWhereLayersHave32OfThem(int channels, int multiple) {
    assertThat(FIFTH.forWidth(channels).multipleOf()).isEqualTo(multiple);
  }

  @Test
  void aChosenMultipleIsKept() {
    assertThat(FIFTH.withMultipleOf(8).forWidth(11008).multipleOf()).isEqualTo(8);
    assertThat(FIFTH.withMultipleOf(1).forWidth(11008).multipleOf()).isEqualTo(1);
  }

  @Test
  void anyCountIsAllowedAsLongAsTheWidthIsNotKnown() {
    assertThat(FIFTH.multipleOf()).isEqualTo(1);
  }

  @Test
  void oneBoundIsChangedAtATime() {
    assertThat(FIFTH.withMinimumUnits(4).withKeepLayers(Set.of(0)).withMultipleOf(32))
        .isEqualTo(new PruningTarget(0.2, FIFTH.kinds(), 32, 4, ImmutableSet.of(0)));
  }

  @Test
  void aNegativeMultipleIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FIFTH.withMultipleOf(-1))
        .withMessageContaining("multiple of -1: expected at least 1");
  }
}

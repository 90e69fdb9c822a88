package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class TensorInfoTest {

  @Test
  void countsElementsAndBytes() {
    // GIVEN
    TensorInfo info = new TensorInfo("w", TensorType.BF16, new Shape(3, 5));

    // WHEN / THEN
    assertThat(info.elements()).isEqualTo(15);
    assertThat(info.bytes()).isEqualTo(30);
  }

  @Test
  void aSingleNumberHasOneElement() {
    // GIVEN
    TensorInfo info = new TensorInfo("scale", TensorType.F32, new Shape());

    // WHEN / THEN
    assertThat(info.elements()).isEqualTo(1);
    assertThat(info.bytes()).isEqualTo(4);
  }

  @Test
  void aNegativeSizeIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TensorInfo("w", TensorType.F32, new Shape(2, -1)))
        .withMessageContaining("w: shape (2, -1)");
  }

  @Test
  void moreBytesThanALongHoldsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TensorInfo("w", TensorType.F64, new Shape(1L << 31, 1L << 30)))
        .withMessageContaining("2^63");
  }

  @Test
  void onlyFloatsOf16BitsAndMoreAreReadable() {
    // WHEN / THEN
    assertThat(Arrays.stream(TensorType.values()).filter(TensorType::isReadable))
        .containsExactly(TensorType.F64, TensorType.F32, TensorType.F16, TensorType.BF16);
  }
}

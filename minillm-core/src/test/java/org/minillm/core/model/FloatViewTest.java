package org.minillm.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

class FloatViewTest {

  @Test
  void whatIsPutIntoTheViewIsInTheArray() {
    try (NDManager manager = NDManager.newBaseManager()) {
      // GIVEN
      NDArray array = manager.zeros(new Shape(2, 2));
      // WHEN
      FloatView.of(array).put(3, 5);
      // THEN
      assertThat(array.toFloatArray()).containsExactly(0, 0, 0, 5);
    }
  }

  @Test
  void otherTypesAreRejected() {
    try (NDManager manager = NDManager.newBaseManager()) {
      // GIVEN
      NDArray array = manager.zeros(new Shape(2), DataType.FLOAT64);
      // THEN
      assertThatThrownBy(() -> FloatView.of(array))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("float64")
          .hasMessageContaining("expected float32");
    }
  }
}

package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.tensor.Compute;

class EngineThreadsTest {

  /** A sum of 576 products of about 1 in float32, in whatever order a platform adds. */
  private static final Offset<Float> ROUNDING = within(1e-4f);

  private static final long SMALL = EngineThreads.WORTH_WAKING - 1;
  private int before;

  @BeforeEach
  void threeThreads() {
    Compute.cpu().start();
    before = JniUtils.getNumThreads();
    JniUtils.setNumThreads(3);
  }

  @AfterEach
  void threadsOfTheOthers() {
    JniUtils.setNumThreads(before);
  }

  @Test
  void smallProductsOfSleepingThreadsAreComputedByOne() throws IOException {
    assertThat(threadsDuring(SMALL, true)).isEqualTo(1);
    assertThat(JniUtils.getNumThreads()).isEqualTo(3);
  }

  @Test
  void largeProductsAreComputedByAll() throws IOException {
    assertThat(threadsDuring(EngineThreads.WORTH_WAKING, true)).isEqualTo(3);
  }

  @Test
  void threadsThatDoNotSleepAreAllUsed() throws IOException {
    assertThat(threadsDuring(SMALL, false)).isEqualTo(3);
  }

  @Test
  void allThreadsAreBackAfterAnError() {
    assertThatThrownBy(
            () ->
                EngineThreads.forProducts(
                    SMALL,
                    true,
                    () -> {
                      throw new IOException("no more layers");
                    }))
        .hasMessage("no more layers");
    assertThat(JniUtils.getNumThreads()).isEqualTo(3);
  }

  @Test
  void oneThreadComputesWhatAllCompute() throws IOException {
    // GIVEN a token and the largest matrix of SmolLM2-135M
    try (NDManager manager = Compute.cpu().newManager()) {
      NDArray token = manager.randomNormal(new Shape(1, 576), DataType.FLOAT32);
      NDArray weight = manager.randomNormal(new Shape(1536, 576), DataType.FLOAT32);
      EngineThreads.Work product = () -> token.matMul(weight.transpose());

      // WHEN one thread and three multiply them
      float[] byOne = EngineThreads.forProducts(SMALL, true, product).toFloatArray();
      float[] byAll = EngineThreads.forProducts(SMALL, false, product).toFloatArray();

      // THEN
      assertThat(byOne).containsExactly(byAll, ROUNDING);
    }
  }

  private static int threadsDuring(long macs, boolean sleeping) throws IOException {
    int[] seen = new int[1];
    try (NDManager manager = Compute.cpu().newManager()) {
      EngineThreads.forProducts(
          macs,
          sleeping,
          () -> {
            seen[0] = JniUtils.getNumThreads();
            return manager.create(0f);
          });
    }
    return seen[0];
  }
}

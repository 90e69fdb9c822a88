package org.minillm.core.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.IntStream;

/** Random directions in Java, range by range, so that numbers are drawn and used in the cache. */
final class RandomDirections {

  /** Elements that one task fills; ranges are fixed so that nothing depends on the threads. */
  private static final int RANGE = 1 << 14;

  private RandomDirections() {}

  static NDArray mean(
      Shape shape, double[] coefficients, List<RandomFill> directions, NDManager owner) {
    return newArray(shape, owner, (range, first) -> mean(range, coefficients, directions, first));
  }

  /** The range holds each z in turn, then the result. */
  private static void mean(
      FloatBuffer range, double[] coefficients, List<RandomFill> directions, int first) {
    double[] sums = new double[range.remaining()];
    for (int k = 0; k < coefficients.length; k++) {
      directions.get(k).fill(range, first);
      double coefficient = coefficients[k];
      for (int i = 0; i < sums.length; i++) {
        sums[i] += coefficient * range.get(i);
      }
    }
    for (int i = 0; i < sums.length; i++) {
      range.put(i, (float) (sums[i] / coefficients.length));
    }
  }

  static NDArray perturbed(NDArray weight, RandomFill direction, double scale, NDManager owner) {
    FloatBuffer source = HostMemory.floats(weight);
    return newArray(
        weight.getShape(),
        owner,
        (range, first) -> {
          direction.fill(range, first);
          for (int i = 0; i < range.remaining(); i++) {
            range.put(i, (float) (source.get(first + i) + scale * range.get(i)));
          }
        });
  }

  static void mirror(NDArray copy, NDArray weight) {
    FloatBuffer source = HostMemory.floats(weight);
    HostMemory.update(
        copy,
        all ->
            inRanges(
                all,
                (range, first) -> {
                  for (int i = 0; i < range.remaining(); i++) {
                    range.put(i, (float) (2.0 * source.get(first + i) - range.get(i)));
                  }
                }));
  }

  /** What is done with one range of an array. */
  @FunctionalInterface
  private interface RangeTask {
    void run(FloatBuffer range, int firstIndex);
  }

  private static NDArray newArray(Shape shape, NDManager owner, RangeTask task) {
    NDArray array = owner.create(shape, DataType.FLOAT32);
    HostMemory.fill(array, all -> inRanges(all, task));
    return array;
  }

  private static void inRanges(FloatBuffer all, RangeTask task) {
    int size = all.remaining();
    IntStream.range(0, (size + RANGE - 1) / RANGE)
        .parallel()
        .map(range -> range * RANGE)
        .forEach(first -> task.run(all.slice(first, Math.min(RANGE, size - first)), first));
  }
}

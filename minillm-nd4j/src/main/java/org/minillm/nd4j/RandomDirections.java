package org.minillm.nd4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.RandomFill;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Random directions, a run of elements at a time. The numbers are drawn in Java: they are defined
 * there to the bit, since plans name their seeds. What is computed with them is ND4J's.
 */
final class RandomDirections {

  /** Elements that one thread draws at a time. */
  private static final int RANGE = 1 << 14;

  private final int run;

  /** Takes so many elements at a time. */
  RandomDirections(int run) {
    this.run = run;
  }

  /** What a run of elements becomes; closed by the caller. */
  @FunctionalInterface
  private interface Values {
    INDArray of(int first, int count);
  }

  NDArray mean(Shape shape, double[] coefficients, List<RandomFill> directions, NDManager owner) {
    NDArray result = owner.create(shape);
    HostMemory.fill(
        result,
        target ->
            inRuns(
                target,
                (first, count) ->
                    sum(coefficients, directions, first, count).divi(coefficients.length)));
    return result;
  }

  private static INDArray sum(
      double[] coefficients, List<RandomFill> directions, int first, int count) {
    INDArray sum = Nd4j.zeros(DataType.DOUBLE, count);
    for (int k = 0; k < coefficients.length; k++) {
      try (INDArray z = drawn(directions.get(k), first, count)) {
        sum.addi(z.muli(coefficients[k]));
      }
    }
    return sum;
  }

  NDArray perturbed(NDArray weight, RandomFill direction, double scale, NDManager owner) {
    FloatBuffer source = HostMemory.floats(weight);
    NDArray result = owner.create(weight.getShape());
    HostMemory.fill(
        result,
        target ->
            inRuns(
                target,
                (first, count) -> {
                  try (INDArray z = drawn(direction, first, count)) {
                    return vector(source, first, count).addi(z.muli(scale));
                  }
                }));
    return result;
  }

  void mirror(NDArray copy, NDArray weight) {
    FloatBuffer source = HostMemory.floats(weight);
    HostMemory.update(
        copy,
        target ->
            inRuns(
                target,
                (first, count) -> {
                  try (INDArray present = vector(target, first, count)) {
                    return vector(source, first, count).muli(2).subi(present);
                  }
                }));
  }

  private void inRuns(FloatBuffer target, Values values) {
    int size = target.remaining();
    for (int first = 0; first < size; first += run) {
      int count = Math.min(run, size - first);
      try (INDArray wide = values.of(first, count);
          INDArray rounded = wide.castTo(DataType.FLOAT)) {
        target.put(first, rounded.toFloatVector());
      }
    }
  }

  private static INDArray vector(FloatBuffer source, int first, int count) {
    float[] floats = new float[count];
    source.get(first, floats);
    return widened(floats);
  }

  private static INDArray drawn(RandomFill direction, int first, int count) {
    float[] floats = new float[count];
    FloatBuffer all = FloatBuffer.wrap(floats);
    IntStream.range(0, (count + RANGE - 1) / RANGE)
        .parallel()
        .map(range -> range * RANGE)
        .forEach(
            from ->
                direction.fill(
                    all.slice(from, Math.min(RANGE, count - from)), (long) first + from));
    return widened(floats);
  }

  private static INDArray widened(float[] floats) {
    try (INDArray narrow = Nd4j.createFromArray(floats)) {
      return narrow.castTo(DataType.DOUBLE);
    }
  }
}

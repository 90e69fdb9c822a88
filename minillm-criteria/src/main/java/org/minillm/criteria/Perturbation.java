package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.stream.IntStream;
import org.minillm.core.random.CounterRng;
import org.minillm.core.tensor.HostMemory;

/**
 * The direction z of one probe of simultaneous perturbation (SPSA; Spall, IEEE TAC 37, 1992), for
 * every tensor of a model: made when asked for, by tensor name and index, and the same whatever the
 * order and the number of threads. A seed stands for as many numbers as the model has weights.
 *
 * @param seed of the probe
 * @param direction the law of each element of z
 */
public record Perturbation(long seed, Direction direction) {

  /** Elements that one task fills; ranges are fixed so that nothing depends on the threads. */
  private static final int RANGE = 1 << 14;

  // Refuses nulls.
  public Perturbation {
    requireNonNull(direction, "direction");
  }

  /** The law of the elements of z, independent of each other. */
  public enum Direction {
    /** Standard normal, as in MINI-LLM and MeZO (Malladi et al., arXiv 2305.17333). */
    NORMAL {
      @Override
      void fill(FloatBuffer target, long seed, long stream, long firstIndex) {
        CounterRng.fillNormal(target, seed, stream, firstIndex);
      }
    },

    /**
     * -1 or 1, equally likely: SPSA's own law. With a single probe |g| is then the same for every
     * weight, and FMS ranks exactly as Wanda does.
     */
    SIGNS {
      @Override
      void fill(FloatBuffer target, long seed, long stream, long firstIndex) {
        CounterRng.fillSigns(target, seed, stream, firstIndex);
      }
    };

    abstract void fill(FloatBuffer target, long seed, long stream, long firstIndex);
  }

  /** What is done with one range of a new array. */
  @FunctionalInterface
  interface RangeTask {
    void run(FloatBuffer range, int firstIndex);
  }

  /**
   * Makes the direction of one tensor.
   *
   * @param tensor its name in the checkpoint
   * @param shape its shape
   * @param owner where the result hangs
   * @return z, FLOAT32, a new array of that shape
   */
  public NDArray z(String tensor, Shape shape, NDManager owner) {
    long stream = CounterRng.stream(tensor);
    return newArray(shape, owner, (range, first) -> direction.fill(range, seed, stream, first));
  }

  /**
   * Makes a perturbed copy of a weight: float32(weight + scale * z), computed in double from the
   * same float32 z that {@link #z} returns. The weight itself is never written to.
   *
   * @param tensor its name in the checkpoint
   * @param weight FLOAT32
   * @param scale SPSA's eps, with its sign
   * @param owner where the result hangs
   * @return FLOAT32, a new array of the weight's shape
   */
  public NDArray perturbed(String tensor, NDArray weight, double scale, NDManager owner) {
    long stream = CounterRng.stream(tensor);
    FloatBuffer source = HostMemory.floats(weight);
    return newArray(
        weight.getShape(),
        owner,
        (range, first) -> {
          direction.fill(range, seed, stream, first);
          for (int i = 0; i < range.remaining(); i++) {
            range.put(i, (float) (source.get(first + i) + scale * range.get(i)));
          }
        });
  }

  /**
   * Turns a perturbed copy into that of the opposite direction: float32(2 weight - copy), in double
   * and in place. The step back is as long as the step that the copy is, rounding included.
   *
   * @param copy FLOAT32, of {@link #perturbed}; overwritten
   * @param weight FLOAT32, the weight that it was made of
   */
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

  /** Makes an array and fills it in parallel, range by range. */
  static NDArray newArray(Shape shape, NDManager owner, RangeTask task) {
    checkArgument(
        shape.size() <= Integer.MAX_VALUE / Float.BYTES,
        "a tensor of shape %s takes 2 GiB or more as float32; it cannot be perturbed in one piece",
        shape);
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

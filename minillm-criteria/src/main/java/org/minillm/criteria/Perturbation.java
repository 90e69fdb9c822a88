package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.List;
import org.minillm.core.tensor.CounterRng;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.RandomFill;

/**
 * The direction z of one probe of simultaneous perturbation (SPSA; Spall, IEEE TAC 37, 1992), for
 * every tensor of a model: made when asked for, by tensor name and index, and the same whatever the
 * order and the number of threads. A seed stands for as many numbers as the model has weights.
 *
 * @param seed of the probe
 * @param direction the law of each element of z
 */
public record Perturbation(long seed, Direction direction) {

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

  /**
   * Returns the numbers of one tensor.
   *
   * @param tensor its name in the checkpoint
   * @return z by index
   */
  public RandomFill of(String tensor) {
    long stream = CounterRng.stream(tensor);
    return (target, firstIndex) -> direction.fill(target, seed, stream, firstIndex);
  }

  /**
   * Makes the direction of one tensor.
   *
   * @param tensor its name in the checkpoint
   * @param shape its shape
   * @param kernels make it
   * @param owner where the result hangs
   * @return z, FLOAT32, a new array of that shape
   */
  public NDArray z(String tensor, Shape shape, Kernels kernels, NDManager owner) {
    requireOnePiece(shape);
    return kernels.mean(shape, new double[] {1}, List.of(of(tensor)), owner);
  }

  /**
   * Makes a perturbed copy of a weight: float32(weight + scale * z), computed in double from the
   * same float32 z that {@link #z} returns. The weight itself is never written to.
   *
   * @param tensor its name in the checkpoint
   * @param weight FLOAT32
   * @param scale SPSA's eps, with its sign
   * @param kernels make it
   * @param owner where the result hangs
   * @return FLOAT32, a new array of the weight's shape
   */
  public NDArray perturbed(
      String tensor, NDArray weight, double scale, Kernels kernels, NDManager owner) {
    requireOnePiece(weight.getShape());
    return kernels.perturbed(weight, of(tensor), scale, owner);
  }

  /** Refuses what is too large for the memory of one array to be seen from Java. */
  static void requireOnePiece(Shape shape) {
    checkArgument(
        shape.size() <= Integer.MAX_VALUE / Float.BYTES,
        "a tensor of shape %s takes 2 GiB or more as float32; it cannot be perturbed in one piece",
        shape);
  }
}

package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.tensor.Kernels;

/**
 * The weights of the two streams of a probe, W + epsilon z and W - epsilon z. Drawing z takes
 * longer than all else that is done to a weight, so that it is drawn once: by the stream that asks
 * first, whose copy is mirrored in place for the other. As many copies are in memory as if each
 * stream drew its own.
 */
final class TwinWeights {

  private record Drawn(NDArray copy, double step) {}

  private final Perturbation z;
  private final double epsilon;
  private final Set<String> perturbed;
  private final Kernels kernels;
  private final NDManager waiting;
  private final Map<String, Drawn> drawn = new HashMap<>();

  /**
   * Begins with nothing drawn.
   *
   * @param z the direction
   * @param epsilon the step
   * @param perturbed names of the tensors that move; the others stay as they are
   * @param kernels make the copies
   * @param waiting where copies hang between the streams
   */
  TwinWeights(
      Perturbation z, double epsilon, Set<String> perturbed, Kernels kernels, NDManager waiting) {
    this.z = z;
    this.epsilon = epsilon;
    this.perturbed = perturbed;
    this.kernels = kernels;
    this.waiting = waiting;
  }

  WeightTransform plus() {
    return (tensor, weight, owner) -> moved(tensor, weight, epsilon, owner);
  }

  WeightTransform minus() {
    return (tensor, weight, owner) -> moved(tensor, weight, -epsilon, owner);
  }

  private NDArray moved(String tensor, NDArray weight, double step, NDManager owner) {
    if (!perturbed.contains(tensor)) {
      return weight;
    }
    Drawn earlier = drawn.get(tensor);
    if (earlier == null) {
      NDArray copy = z.perturbed(tensor, weight, step, kernels, waiting);
      drawn.put(tensor, new Drawn(copy, step));
      return copy;
    }
    if (earlier.step == step) {
      return earlier.copy;
    }
    drawn.remove(tensor);
    kernels.mirror(earlier.copy, weight);
    earlier.copy.attach(owner);
    return earlier.copy;
  }
}

package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.nio.FloatBuffer;
import org.minillm.core.tensor.HostMemory;

/** Root mean square layer normalisation (Zhang and Sennrich, arXiv 1910.07467). */
final class RmsNorm implements Norm {

  private final NDArray weight;
  private final float epsilon;

  /** The same number: the engine would make an array of it for every call. */
  private final NDArray epsilonArray;

  /**
   * Makes the norm.
   *
   * @param weight (channels)
   * @param epsilon added to the mean square
   * @param owner of what the norm makes for itself
   */
  RmsNorm(NDArray weight, float epsilon, NDManager owner) {
    this.weight = weight;
    this.epsilon = epsilon;
    this.epsilonArray = owner.create(epsilon);
  }

  @Override
  public NDArray apply(NDArray input) {
    if (input.size() == weight.size() && !input.hasGradient()) {
      return ofOneToken(input);
    }
    NDArray meanSquare = input.square().mean(new int[] {-1}, true);
    return input.div(meanSquare.addi(epsilonArray).sqrt()).muli(weight);
  }

  /**
   * The same in Java. A token has few channels: on them six operations of the engine take several
   * times as long as the arithmetic, and a token passes two norms in every layer.
   */
  private NDArray ofOneToken(NDArray input) {
    float[] channels = new float[Math.toIntExact(input.size())];
    HostMemory.floats(input).get(channels);
    double squares = 0;
    for (float channel : channels) {
      squares += (double) channel * channel;
    }
    float root = (float) Math.sqrt(squares / channels.length + epsilon);
    FloatBuffer weights = HostMemory.floats(weight);
    for (int i = 0; i < channels.length; i++) {
      channels[i] = channels[i] / root * weights.get(i);
    }
    NDArray result = input.getManager().create(input.getShape(), DataType.FLOAT32);
    HostMemory.fill(result, numbers -> numbers.put(channels));
    return result;
  }
}

package org.minillm.core.evidence;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.util.Optional;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Kernels;

/**
 * All that is known about one layer when its units are scored. Arrays are read-only, and gone when
 * the layer is done.
 */
public interface BlockEvidence {

  /**
   * Returns a weight tensor.
   *
   * @param slice a slice of the group that is scored
   * @return FLOAT32, the whole tensor: (out, in), or (out) for a bias
   * @throws IOException if the file cannot be read
   */
  NDArray weight(TensorSlice slice) throws IOException;

  /**
   * Returns the estimated loss gradient of a weight tensor.
   *
   * @param slice a slice of the group that is scored
   * @return FLOAT32, of the weight's shape; empty where the user switched the gradient off, which
   *     stands for a gradient of 1 everywhere
   * @throws IOException if the file cannot be read
   * @throws IllegalStateException if the criterion did not ask for {@link Evidence#GRADIENT}
   */
  Optional<NDArray> gradient(TensorSlice slice) throws IOException;

  /**
   * Returns the estimated loss gradient of the gates of a group.
   *
   * @param group the group that is scored
   * @return mean and mean square, one of each a unit
   * @throws IllegalStateException if the criterion did not ask for {@link Evidence#GATE_GRADIENT}
   */
  GateGradient gateGradient(PruningGroup group);

  /**
   * Returns the statistics of the activations that a weight tensor multiplies, all tokens counting
   * the same.
   *
   * @param slice a slice of the group that is scored
   * @return one entry a column of the tensor; for a bias one entry, of the constant 1
   * @throws IllegalStateException if the criterion did not ask for {@link
   *     Evidence#INPUT_STATISTICS}
   */
  default ChannelStatistics inputs(TensorSlice slice) {
    return inputs(slice, TokenWeights.EQUAL);
  }

  /**
   * Returns the statistics of the activations that a weight tensor multiplies.
   *
   * @param slice a slice of the group that is scored
   * @param weights how much a token counts: each is multiplied by the root of its weight
   * @return one entry a column of the tensor; for a bias one entry, of the constant 1
   * @throws IllegalStateException if the criterion did not ask for {@link Evidence#statistics}
   */
  ChannelStatistics inputs(TensorSlice slice, TokenWeights weights);

  /**
   * Returns H = X^T X of the activations that the consumer multiplies, summed over the tokens.
   *
   * @param consumer the consumer of the group that is scored
   * @param weights how much a token counts
   * @return FLOAT64, (n, n) for n input columns; read-only, and gone when the layer is done
   * @throws IllegalStateException if the criterion did not ask for {@link Evidence#secondMoments}
   */
  NDArray secondMoments(TensorSlice consumer, TokenWeights weights);

  /**
   * Returns what sums, solves and reduces.
   *
   * @return the kernels of the model's {@link org.minillm.core.tensor.Compute}
   */
  Kernels kernels();
}

package org.minillm.core.restore;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.tensor.Kernels;

/**
 * Makes up for what was removed by changing the columns of the consumer that stay, from forward
 * passes alone: adds no tensor, so the result stays an ordinary checkpoint. Stateless.
 */
public interface Restoration extends ConfigurablePlugin<Restoration> {

  /** What the restored consumer is to reproduce. */
  enum Target {
    /** What it would compute on the same inputs if no unit had been removed. */
    OWN,

    /** The residual stream of the dense model after it: makes up for the layers before, too. */
    RESIDUAL
  }

  /** Which model's inputs a consumer is fitted on. */
  enum Inputs {
    /** What the pruned and restored layers before feed it: sequential. */
    PRUNED,

    /**
     * What it reads in the dense model; for {@link Target#OWN}. A pass for each kind of group, over
     * one stream.
     */
    DENSE
  }

  /**
   * Says what is to be reproduced.
   *
   * @return the target
   */
  Target target();

  /**
   * Says what the consumer is fitted on.
   *
   * @return the pruned model's own inputs, unless overridden
   */
  default Inputs inputs() {
    return Inputs.PRUNED;
  }

  /**
   * Says how the values of the attention are fitted to make up for what the pruned layers before
   * feed them. With X what they read in the pruned model and R what is missing of what they read in
   * the dense one, a correction C of X makes {@code X (I + C^T)} the estimate of the dense inputs,
   * and {@code W + W C} reads it; a bias takes the constant part.
   *
   * @return what computes the correction; empty where values stay as they are, which is so unless
   *     overridden
   */
  default Optional<Restoration> valueRestoration() {
    return Optional.empty();
  }

  /**
   * Says how much noise later layers are fitted with. After a layer each window of the pruned
   * stream is given what another one misses of the dense stream, with a random sign and times
   * {@code noise d/n}, d the degrees of freedom of the layer's corrections, n the tokens, at most
   * half of it. Targets take it along, so that a fit has to live with it and not to remove it. It
   * keeps fits from relying on a calibration text that those before know by heart; for {@link
   * Inputs#PRUNED}.
   *
   * @return the factor; 0 for none, unless overridden
   */
  default double noise() {
    return 0;
  }

  /**
   * Says how much a token counts.
   *
   * @return the weights of the tokens in {@link Moments}
   */
  TokenWeights tokens();

  /**
   * What the calibration tokens say about one consumer of the pruned model, or about the values of
   * one of its layers, summed over them.
   *
   * @param inputs FLOAT64, (k, k): X^T X of the k input columns that stay
   * @param residuals FLOAT64, (out, k): R^T X, R what is missing of the target while the columns
   *     that stay are as they were
   * @param intercept what a bias needs; null where the consumer has none
   * @param kernels the model's, to solve with
   */
  record Moments(
      NDArray inputs, NDArray residuals, @Nullable Intercept intercept, Kernels kernels) {

    // Refuses nulls.
    public Moments {
      requireNonNull(inputs, "inputs");
      requireNonNull(residuals, "residuals");
      requireNonNull(kernels, "kernels");
    }
  }

  /**
   * First moments, for a consumer with a bias.
   *
   * @param inputs FLOAT64, (1, k): the sums of the inputs
   * @param residuals FLOAT64, (1, out): the sums of what is missing
   * @param tokens the number of tokens, or the sum of their weights
   */
  record Intercept(NDArray inputs, NDArray residuals, double tokens) {

    // Refuses nulls.
    public Intercept {
      requireNonNull(inputs, "inputs");
      requireNonNull(residuals, "residuals");
    }
  }

  /**
   * What is added to a consumer.
   *
   * @param weight FLOAT64, (out, k), to the columns that stay
   * @param bias FLOAT64, (1, out); null where the consumer has none
   * @param freedom the effective degrees of freedom of an output, for {@link #noise}; 0 where that
   *     is 0
   */
  record Delta(NDArray weight, @Nullable NDArray bias, double freedom) {

    // Refuses nulls.
    public Delta {
      requireNonNull(weight, "weight");
    }
  }

  /**
   * Computes what to add.
   *
   * @param moments of the consumer
   * @return the correction, on the manager of the moments
   */
  Delta delta(Moments moments);
}

package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Activation;
import java.util.function.UnaryOperator;

/** The activation function of an MLP. */
public enum Nonlinearity implements UnaryOperator<NDArray> {
  /** x * sigmoid(x). */
  SILU {
    @Override
    public NDArray apply(NDArray input) {
      // Activation.swish would first multiply by an array that it makes of its factor
      return Activation.sigmoid(input).mul(input);
    }
  },

  /** max(x, 0). */
  RELU {
    @Override
    public NDArray apply(NDArray input) {
      return Activation.relu(input);
    }
  },

  /** x * Phi(x), the exact form with erf (Hendrycks and Gimpel, arXiv 1606.08415). */
  GELU {
    @Override
    public NDArray apply(NDArray input) {
      return Activation.gelu(input);
    }
  },

  /**
   * The approximation of GELU by tanh, with the constant of BLOOM and Megatron for sqrt(2 / pi).
   */
  GELU_TANH {
    @Override
    public NDArray apply(NDArray input) {
      NDArray bent = input.square().muli(0.044715).addi(1).muli(input).muli(0.79788456);
      // add and not addi: back-propagation reads the tanh again
      return bent.tanh().add(1).muli(input).muli(0.5);
    }
  };

  /**
   * Applies the function to every element.
   *
   * @param input FLOAT32, not written to
   * @return a new array on the manager of {@code input}
   */
  @Override
  public abstract NDArray apply(NDArray input);
}

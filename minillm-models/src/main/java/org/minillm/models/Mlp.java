package org.minillm.models;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableList;
import java.util.function.UnaryOperator;

/**
 * The feed-forward sublayer.
 *
 * @param inputPoint tap point of the producers
 * @param outputPoint tap point of the consumer
 * @param producers one layer that is activated; where there is a second, the first is the gate of
 *     the second (Shazeer, arXiv 2002.05202)
 * @param activation of the first producer
 * @param down from the channels back to the residual stream
 */
record Mlp(
    String inputPoint,
    String outputPoint,
    ImmutableList<Linear> producers,
    UnaryOperator<NDArray> activation,
    Linear down) {

  NDArray forward(NDArray input, SublayerInputs inputs) {
    NDArray read = inputs.at(inputPoint, input);
    NDArray channels = activation.apply(producers.get(0).apply(read));
    if (producers.size() == 2) {
      channels = channels.muli(producers.get(1).apply(read));
    }
    return down.apply(inputs.at(outputPoint, channels));
  }
}

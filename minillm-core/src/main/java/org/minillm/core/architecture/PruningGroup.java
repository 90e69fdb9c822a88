package org.minillm.core.architecture;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * Units that can be removed one by one, and the slices of the tensors that go with each of them.
 * The cost of a unit, cutting, tap points and masking all follow from this table and the shapes.
 *
 * @param id layer and kind
 * @param units how many units there are
 * @param slices the table; exactly one slice consumes (axis 1)
 * @param consumerBias name of the bias of the consumer, which stays whole; empty where it has none
 */
public record PruningGroup(
    GroupId id, int units, ImmutableList<TensorSlice> slices, Optional<String> consumerBias) {

  // Checks that there are units and exactly one consumer.
  public PruningGroup {
    requireNonNull(id, "id");
    requireNonNull(slices, "slices");
    requireNonNull(consumerBias, "consumerBias");
    checkArgument(units > 0, "%s: %s units, expected at least 1", id, units);
    long consumers = slices.stream().filter(slice -> slice.axis() == 1).count();
    checkArgument(consumers == 1, "%s: %s consumers (axis 1), expected exactly 1", id, consumers);
  }

  /**
   * Makes a group whose consumer has no bias.
   *
   * @param id layer and kind
   * @param units how many units there are
   * @param slices the table
   */
  public PruningGroup(GroupId id, int units, List<TensorSlice> slices) {
    this(id, units, ImmutableList.copyOf(requireNonNull(slices, "slices")), Optional.empty());
  }

  /**
   * Returns the group with a bias of its consumer.
   *
   * @param bias name of a tensor (out)
   * @return the same units and slices
   */
  public PruningGroup withConsumerBias(String bias) {
    requireNonNull(bias, "bias");
    return new PruningGroup(id, units, slices, Optional.of(bias));
  }

  /**
   * Returns the slice that consumes the units: there the tap sits, and there a removed unit is
   * masked by zeroing its columns.
   *
   * @return the one slice of axis 1
   */
  public TensorSlice consumer() {
    return slices.stream().filter(slice -> slice.axis() == 1).findFirst().orElseThrow();
  }

  /**
   * Counts the weights that go when one unit goes.
   *
   * @param tensorSize the number of elements of a tensor, by name
   * @return the weights of one unit over all slices
   */
  public long weightsPerUnit(ToLongFunction<String> tensorSize) {
    return weightsPerUnit(slices.stream(), tensorSize);
  }

  /**
   * Counts the multiply-accumulates a token that go when one unit goes.
   *
   * @param tensorSize the number of elements of a tensor, by name
   * @return the weights of one unit over all slices but biases
   */
  public long macsPerUnit(ToLongFunction<String> tensorSize) {
    return weightsPerUnit(slices.stream().filter(slice -> !slice.isBias()), tensorSize);
  }

  private long weightsPerUnit(Stream<TensorSlice> counted, ToLongFunction<String> tensorSize) {
    return counted.mapToLong(slice -> tensorSize.applyAsLong(slice.tensor()) / units).sum();
  }
}

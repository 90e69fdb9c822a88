package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of one layer, in arrays made once for all tokens there will be, so that a new
 * token costs a copy of its own keys and values and not of all of them.
 */
final class KeyValueCache implements AttentionCache {

  /** Of (batch, key-value heads, time, head_dim). */
  private static final int TIME_AXIS = 2;

  private final int capacity;
  private final NDManager owner;
  private @Nullable NDArray keys;
  private @Nullable NDArray values;
  private int length;

  KeyValueCache(int capacity, NDManager owner) {
    this.capacity = capacity;
    this.owner = owner;
  }

  @Override
  public NDList append(NDArray newKeys, NDArray newValues) {
    int end = length + Math.toIntExact(newKeys.getShape().get(2));
    checkArgument(end <= capacity, "%s tokens in a cache for %s", end, capacity);
    if (keys == null || values == null) {
      keys = store(newKeys.getShape());
      values = store(newValues.getShape());
    }
    NDList all = new NDList(extend(keys, newKeys, end), extend(values, newValues, end));
    length = end;
    return all;
  }

  /** Adds to zeros what is new; parts of an array by split cost a third of those by index. */
  private NDArray extend(NDArray stored, NDArray added, int end) {
    stored.split(new long[] {length, end}, TIME_AXIS).get(1).addi(added);
    return stored.split(new long[] {end}, TIME_AXIS).get(0);
  }

  private NDArray store(Shape shape) {
    // a scope that somebody has open closes what is made in it, and this is to stay
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray array = owner.zeros(new Shape(shape.get(0), shape.get(1), capacity, shape.get(3)));
      NDScope.unregister(array);
      return array;
    }
  }
}

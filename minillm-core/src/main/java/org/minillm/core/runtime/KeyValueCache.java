package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.tensor.HostMemory;

/**
 * Keys and values of one layer, in arrays made once for all tokens there will be, so that a new
 * token costs a copy of its own keys and values and not of all of them. Java copies them: those of
 * a token are a few hundred numbers, for which the engine's operations take six times as long.
 */
final class KeyValueCache implements AttentionCache {

  /** Of (batch * key-value heads, time, head_dim). */
  private static final int TIME_AXIS = 1;

  private final int capacity;
  private final NDManager owner;
  private @Nullable Store keys;
  private @Nullable Store values;
  private int length;

  KeyValueCache(int capacity, NDManager owner) {
    this.capacity = capacity;
    this.owner = owner;
  }

  @Override
  public NDList append(NDArray newKeys, NDArray newValues) {
    Shape shape = newKeys.getShape();
    int end = length + Math.toIntExact(shape.get(TIME_AXIS));
    checkArgument(end <= capacity, "%s tokens in a cache for %s", end, capacity);
    if (keys == null || values == null) {
      keys = store(shape);
      values = store(shape);
    }
    NDList all =
        new NDList(keys.extend(newKeys, length, end), values.extend(newValues, length, end));
    length = end;
    return all;
  }

  private Store store(Shape shape) {
    // a scope that somebody has open closes what is made in it, and this is to stay
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray array = owner.zeros(new Shape(shape.get(0), capacity, shape.get(2)));
      NDScope.unregister(array);
      return new Store(array);
    }
  }

  /**
   * Keys or values.
   *
   * @param array (batch * key-value heads, capacity, head_dim)
   */
  private record Store(NDArray array) {

    /** Writes the tokens from {@code start} to {@code end} and returns all up to there. */
    NDArray extend(NDArray added, int start, int end) {
      FloatBuffer source = HostMemory.floats(added);
      int heads = Math.toIntExact(array.getShape().get(0));
      int stride = Math.toIntExact(array.size()) / heads;
      int width = source.capacity() / (heads * (end - start));
      int size = (end - start) * width;
      HostMemory.update(
          array,
          numbers -> {
            for (int head = 0; head < heads; head++) {
              numbers.put(head * stride + start * width, source, head * size, size);
            }
          });
      // by split: a part of an array by index takes half as long again
      return array.split(new long[] {end}, TIME_AXIS).get(0);
    }
  }
}

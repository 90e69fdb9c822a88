package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KeyValueCacheTest {

  /** Of two rows with two heads each. */
  private static final int HEADS = 4;

  private static final int WIDTH = 3;
  private static final int CAPACITY = 5;

  private final NDManager manager = NDManager.newBaseManager();
  private final KeyValueCache cache = new KeyValueCache(CAPACITY, manager);

  @AfterEach
  void free() {
    manager.close();
  }

  @Test
  void tokensFollowThoseBefore() {
    // GIVEN keys and values, those of them that come first from the middle of larger arrays
    NDArray keys = manager.arange(HEADS * 4 * WIDTH).toType(DataType.FLOAT32, false);
    keys = keys.reshape(HEADS, 4, WIDTH);
    NDArray values = keys.mul(-1);

    // WHEN two come together and one follows, each in a scope that ends
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      cache.append(keys.get(":, :2"), values.get(":, :2"));
    }
    NDList all = cache.append(keys.get(":, 2:3"), values.get(":, 2:3"));

    // THEN all three are there
    assertThat(all.get(0).getShape()).isEqualTo(new Shape(HEADS, 3, WIDTH));
    assertThat(all.get(0).toFloatArray()).isEqualTo(keys.get(":, :3").toFloatArray());
    assertThat(all.get(1).toFloatArray()).isEqualTo(values.get(":, :3").toFloatArray());
  }

  @Test
  void moreTokensThanThereIsRoomForAreRefused() {
    // GIVEN a full cache
    NDArray tokens = manager.ones(new Shape(HEADS, CAPACITY, WIDTH));
    cache.append(tokens, tokens);

    // WHEN / THEN
    NDArray one = manager.ones(new Shape(HEADS, 1, WIDTH));
    assertThatThrownBy(() -> cache.append(one, one))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("6 tokens in a cache for 5");
  }
}

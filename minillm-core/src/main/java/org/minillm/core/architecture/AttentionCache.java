package org.minillm.core.architecture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

/** The keys and values of one layer for the tokens before those that are computed. */
@FunctionalInterface
public interface AttentionCache {

  /** Remembers nothing: the tokens that are computed are all there are. */
  AttentionCache NONE = NDList::new;

  /**
   * Adds the keys and values of new tokens.
   *
   * @param keys FLOAT32, (batch * key-value heads, new tokens, head_dim), positions already in them
   * @param values of the same shape
   * @return the keys and the values of all tokens so far, in this order, not to be written to
   */
  NDList append(NDArray keys, NDArray values);
}

package org.minillm.core.runtime;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import org.minillm.core.architecture.BlockTap;

/**
 * Sums up what micro-batches show of a layer. It changes nothing but the sums that it is given, so
 * that any part of the windows can be observed by itself.
 *
 * @param <S> the sums
 */
public interface Observer<S extends Sums<S>> {

  /**
   * Begins sums of nothing.
   *
   * @param owner where their native memory hangs
   * @return the sums
   */
  S begin(NDManager owner);

  /**
   * Returns what watches a micro-batch.
   *
   * @param sums to add to
   * @param batch the number of the micro-batch
   * @param scratch for what is needed as long as the micro-batch runs
   * @return the tap
   * @throws IOException if a scratch file cannot be read
   */
  BlockTap watch(S sums, int batch, NDManager scratch) throws IOException;
}

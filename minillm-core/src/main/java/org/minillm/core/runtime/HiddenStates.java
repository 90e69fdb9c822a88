package org.minillm.core.runtime;

import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.journal.ArraySource;

/** What a layer reads: hidden states in micro-batches, FLOAT32 (rows, time, hidden_size). */
public interface HiddenStates extends ArraySource {

  /**
   * Tells where the tokens of a micro-batch stand.
   *
   * @return the layout, the same for all micro-batches
   */
  TokenLayout layout();
}

package org.minillm.core.architecture;

import com.google.common.base.Ascii;

/** What the units of a pruning group are. */
public enum GroupKind {
  /** A unit is one channel of the MLP: a row of what produces it, a column of what consumes it. */
  MLP_CHANNELS,

  /** A unit is one key-value head with all the query heads that it serves. */
  ATTENTION_HEADS;

  /**
   * Returns the name that plans and reports use: {@code mlp_channels}, {@code attention_heads}.
   *
   * @return the name in lower case
   */
  public String id() {
    return Ascii.toLowerCase(name());
  }
}

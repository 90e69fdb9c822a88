package org.minillm.core.cut;

import com.google.common.base.Ascii;

/** In which form a pruned model is written. */
public enum Export {
  /** Removed units are gone: a smaller model. */
  CUT,

  /**
   * Removed units are zeros: the same function as the cut model in the dense model's shapes and
   * with its config.json, so that whatever loads the dense model loads this one. It is smaller only
   * once it is compressed.
   */
  MASKED;

  /** As the command line and the manifest write it. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}

package org.minillm.cli;

import com.google.common.base.Ascii;

/** What {@code --gradient} chooses between. */
enum GradientChoice {
  SPSA,
  NONE;

  /** As it is written on the command line. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}

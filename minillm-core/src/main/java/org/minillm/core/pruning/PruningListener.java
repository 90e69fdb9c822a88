package org.minillm.core.pruning;

/** Told of the progress of long passes. Every method may be left out. */
public interface PruningListener {

  /** Hears nothing. */
  PruningListener SILENT = new PruningListener() {};

  /**
   * A pass begins.
   *
   * @param pass what it does, for a person: {@code statistics}, {@code spsa}, {@code score}, …
   * @param steps how many steps it will take
   */
  default void passStarted(String pass, long steps) {}

  /** One step of the current pass is done. */
  default void stepDone() {}

  /** The current pass is done. */
  default void passDone() {}
}

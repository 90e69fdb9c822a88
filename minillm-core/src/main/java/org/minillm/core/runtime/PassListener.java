package org.minillm.core.runtime;

import java.nio.file.Path;

/** Told of the progress of long passes. Every method may be left out. */
public interface PassListener {

  /** Hears nothing. */
  PassListener SILENT = new PassListener() {};

  /**
   * The run goes on with what an earlier one has saved before it was interrupted.
   *
   * @param journal the folder where it was
   */
  default void resumed(Path journal) {}

  /**
   * A pass begins.
   *
   * @param pass what it does, for a person: {@code statistics}, {@code spsa}, {@code score}, …
   * @param steps how many steps it will take
   */
  default void passStarted(String pass, long steps) {}

  /**
   * Some steps of the current pass are done.
   *
   * @param steps how many, since the last call
   */
  default void stepsDone(long steps) {}

  /** One step of the current pass is done. */
  default void stepDone() {
    stepsDone(1);
  }

  /** The current pass is done. */
  default void passDone() {}
}

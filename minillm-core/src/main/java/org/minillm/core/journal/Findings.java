package org.minillm.core.journal;

import com.google.gson.JsonElement;
import java.io.IOException;

/** What a pass has found so far, in a form that a journal keeps. */
public interface Findings {

  /**
   * Writes down what was found.
   *
   * @return from which {@link #resume} makes the same, to the bit
   */
  JsonElement toJson();

  /**
   * Takes over what an earlier run has found; asked before anything else was found.
   *
   * @param json as of {@link #toJson}
   * @throws IOException if a file that belongs to it cannot be read
   */
  void resume(JsonElement json) throws IOException;
}

package org.minillm.core.journal;

import com.google.gson.JsonElement;
import java.io.IOException;
import org.minillm.core.files.JsonNode;

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
   * @param layers in which it was found; all of them where the pass was over
   * @param json as of {@link #toJson}
   * @throws IOException if a file that belongs to it cannot be read
   * @throws IllegalArgumentException if it is nothing that this pass finds in so many layers;
   *     nothing was taken over then
   */
  void resume(int layers, JsonNode json) throws IOException;
}

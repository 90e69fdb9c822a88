package org.minillm.core.journal;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.gson.JsonElement;
import java.util.List;
import org.apiguardian.api.API;

/**
 * How far a pass over the layers has come: enough to go on from there.
 *
 * @param layers that are done
 * @param findings what the pass has found in them
 * @param streams what the next layer reads
 */
@API(status = API.Status.INTERNAL)
public record PassState(int layers, JsonElement findings, ArraySource streams) {

  // Checks that the layers can be counted.
  public PassState {
    requireNonNull(findings, "findings");
    requireNonNull(streams, "streams");
    checkArgument(layers >= 0, "%s layers done, expected at least 0", layers);
  }

  /**
   * A pass that is over.
   *
   * @param findings what it has found, not null
   * @return the state
   */
  static PassState over(JsonElement findings) {
    return new PassState(0, findings, ArraySource.of(List.of()));
  }

  /**
   * Tells whether the pass was over.
   *
   * @return true where there is nothing left to go through
   */
  public boolean isOver() {
    return layers == 0 && streams.shapes().isEmpty();
  }
}

package org.minillm.core.plan;

import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.minillm.core.architecture.GroupId;

/**
 * Measures what the model loses by candidates for a plan: the dense model runs over a few windows
 * of the calibration set with the units masked that a candidate would remove. What a restoration
 * would make up for is not in it.
 */
@FunctionalInterface
public interface CandidateLosses {

  /** For allocations that go by scores: refuses to be asked. */
  CandidateLosses NONE =
      candidates -> {
        throw new IllegalStateException(
            "an allocation asks for losses, and its measuresLosses() says that it does not");
      };

  /**
   * Measures losses, by forward passes alone. Candidates share a walk through the layers, and up to
   * the first layer that they remove anything from also what is computed there: many at once cost
   * less than one after the other.
   *
   * @param candidates of each the number of units to keep, by group; a group that is absent is kept
   *     whole, so that an empty map is the dense model. The units with the highest scores stay, as
   *     in the plan
   * @return in the order of the candidates, the mean over the windows' predicted tokens of -log P,
   *     in nats
   * @throws IOException if the checkpoint cannot be read
   */
  ImmutableDoubleArray of(List<? extends Map<GroupId, Integer>> candidates) throws IOException;
}

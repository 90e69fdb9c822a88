package org.minillm.criteria;

import static com.google.common.collect.ImmutableMap.toImmutableMap;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.tensor.CounterRng;
import org.minillm.core.tensor.HostMemory;

/**
 * Multiplies what the units of some groups hand on by 1 + step z: z is a sign for every window and
 * unit, a function of the seed, the group, the number of the window and the unit alone. For one
 * pass of one stream.
 */
final class GateNoise implements BlockTap {

  private final ImmutableMap<String, PruningGroup> groups;
  private final long seed;
  private final double step;
  private final Map<PruningGroup, Long> windowsSeen = new HashMap<>();

  GateNoise(List<PruningGroup> groups, long seed, double step) {
    this.groups =
        groups.stream()
            .collect(toImmutableMap(group -> group.consumer().input(), Function.identity()));
    this.seed = seed;
    this.step = step;
  }

  /** Micro-batches pass a tap point in the order of the windows. */
  @Override
  public NDArray read(String point, NDArray input) {
    PruningGroup group = groups.get(point);
    if (group == null) {
      return input;
    }
    long windows = input.getShape().get(0);
    long first = windowsSeen.merge(group, windows, Long::sum) - windows;
    NDArray gates = input.getManager().zeros(Gates.shape(windows, group));
    HostMemory.fill(
        gates,
        factors -> {
          fillSigns(factors, seed, group, first);
          for (int i = 0; i < factors.remaining(); i++) {
            factors.put(i, (float) (1 + step * factors.get(i)));
          }
        });
    return Gates.apply(input, gates, group);
  }

  /** Fills in z, window after window from a first one, unit after unit. */
  static void fillSigns(FloatBuffer target, long seed, PruningGroup group, long firstWindow) {
    long stream = CounterRng.stream(group.id().layer() + "." + group.id().kind().id());
    CounterRng.fillSigns(target, seed, stream, firstWindow * group.units());
  }
}

package org.minillm.core.model;

import com.google.common.collect.Lists;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.NotFiniteException;

/** Finds the layer in which the numbers of a model whose weights are finite are no longer so. */
final class OverflowSearch {

  private final CausalLm model;

  OverflowSearch(CausalLm model) {
    this.model = model;
  }

  /**
   * Reads windows until a number is not finite.
   *
   * @param windows token ids, of any lengths
   * @return where that is; empty where all numbers up to the last layer are finite
   */
  Optional<String> place(List<int[]> windows) throws IOException {
    OptionalInt longest = windows.stream().mapToInt(window -> window.length).max();
    if (longest.isEmpty()) {
      return Optional.empty();
    }
    int together = (int) Math.max(1, Sweep.tokensPerSweep(model) / longest.getAsInt());
    try {
      for (List<int[]> some : Lists.partition(windows, together)) {
        read(some);
      }
      return Optional.empty();
    } catch (NotFiniteException found) {
      return Optional.of(String.valueOf(found.getMessage()));
    }
  }

  private void read(List<int[]> windows) throws IOException {
    try (Sweep sweep = new Sweep(model)) {
      List<Strand> strands = Lists.newArrayList();
      for (List<int[]> ofOneLength :
          windows.stream().collect(Collectors.groupingBy(window -> window.length)).values()) {
        strands.add(sweep.add(ofOneLength, WeightTransform.NONE, InputTap.NONE));
      }
      requireFinite(strands, "in the embedding");
      sweep.run((Sweep.LayerListener) layer -> requireFinite(strands, "in layer " + layer));
    }
  }

  private static void requireFinite(List<Strand> strands, String where) throws IOException {
    for (Strand strand : strands) {
      strand.stream()
          .forEach(
              (batch, hidden, scratch) -> {
                FloatBuffer numbers = HostMemory.floats(hidden);
                while (numbers.hasRemaining()) {
                  if (!Float.isFinite(numbers.get())) {
                    throw new NotFiniteException(where);
                  }
                }
              });
    }
  }
}

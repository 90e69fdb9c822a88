package org.minillm.core.runtime;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
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
    int together = (int) Math.max(1, ForwardPass.tokensAtOnce(model) / longest.getAsInt());
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
    ImmutableList<ResidualStream> streams =
        windows.stream().collect(Collectors.groupingBy(window -> window.length)).values().stream()
            .map(ofOneLength -> ResidualStream.of(model, ofOneLength))
            .collect(ImmutableList.toImmutableList());
    try (Search search = new Search(streams, model.config().layers().size())) {
      new PassRunner(model).run(search);
    }
  }

  /** Looks at all streams before the first layer and after each. */
  private record Search(ImmutableList<ResidualStream> streams, int layers) implements Pass {

    @Override
    public String name() {
      return "overflow";
    }

    @Override
    public void layer(Layer layer) throws IOException {
      for (ResidualStream stream : streams) {
        if (layer.index() == 0) {
          requireFinite(stream, "in the embedding");
        }
        layer.advance(stream, WeightTransform.NONE, BlockTap.NONE);
        requireFinite(stream, "in layer " + layer.index());
      }
    }
  }

  private static void requireFinite(ResidualStream stream, String where) throws IOException {
    stream.forEach(
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

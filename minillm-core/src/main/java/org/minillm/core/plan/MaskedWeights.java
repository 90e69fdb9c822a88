package org.minillm.core.plan;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.primitives.ImmutableIntArray;
import java.nio.FloatBuffer;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.tensor.HostMemory;

/**
 * The dense model with the removed units silenced: their columns of the consumer are zero. It
 * computes the same function as the cut model, at the dense model's cost; the strongest test of the
 * cut, and a way to try a plan without writing it.
 *
 * @param table what the plan removes
 */
public record MaskedWeights(CutTable table) implements WeightTransform {

  // Refuses nulls.
  public MaskedWeights {
    requireNonNull(table, "table");
  }

  @Override
  public NDArray apply(String tensor, NDArray weight, NDManager owner) {
    CutTable.Cut cut = table.cuts().get(tensor);
    if (cut == null || cut.axis() == 0) {
      return weight;
    }
    NDArray masked = owner.create(weight.getShape(), weight.getDataType());
    FloatBuffer from = HostMemory.floats(weight);
    ImmutableIntArray removed = table.removedColumns(tensor);
    int columns = cut.size();
    HostMemory.fill(
        masked,
        to -> {
          to.put(0, from, 0, from.remaining());
          for (int row = 0; row < from.remaining() / columns; row++) {
            for (int i = 0; i < removed.length(); i++) {
              to.put(row * columns + removed.get(i), 0f);
            }
          }
        });
    return masked;
  }
}

package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import java.nio.FloatBuffer;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.model.FloatView;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.TensorSlice;

/**
 * A plan spelled out for tensors: which indices of which axis stay. Pure data, read by what cuts
 * and by what masks.
 *
 * @param cuts by tensor name, in the order of the groups; a tensor that is not here stays whole
 */
public record CutTable(ImmutableMap<String, Cut> cuts) {

  /** Leaves every tensor whole. */
  static final CutTable NOTHING = new CutTable(ImmutableMap.of());

  /**
   * What stays of one tensor.
   *
   * @param axis the axis that shrinks, 0 or 1
   * @param size length of that axis before the cut
   * @param kept the indices of that axis that stay, ascending
   */
  public record Cut(int axis, int size, ImmutableIntArray kept) {

    /**
     * Describes a tensor after the cut.
     *
     * @param tensor the tensor before it
     * @return the same with a shorter axis
     */
    TensorInfo of(TensorInfo tensor) {
      long[] shape = tensor.shape().getShape().clone();
      shape[axis] = kept.length();
      return new TensorInfo(tensor.name(), tensor.type(), new Shape(shape));
    }

    /**
     * Puts the kept columns where they were in the dense tensor.
     *
     * @param columns FLOAT32, (out, kept)
     * @param owner where the result hangs
     * @return FLOAT32, (out, size), with zeros between
     */
    NDArray spread(NDArray columns, NDManager owner) {
      int rows = Math.toIntExact(columns.getShape().get(0));
      NDArray dense = owner.zeros(new Shape(rows, size));
      FloatBuffer from = FloatView.of(columns);
      FloatBuffer to = FloatView.of(dense);
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < kept.length(); i++) {
          to.put(row * size + kept.get(i), from.get(row * kept.length() + i));
        }
      }
      return dense;
    }

    /**
     * Returns the indices that go.
     *
     * @return ascending; with {@link #kept()} they are 0 to size - 1
     */
    public ImmutableIntArray removed() {
      BitSet gone = new BitSet(size);
      gone.set(0, size);
      kept.stream().forEach(gone::clear);
      return ImmutableIntArray.copyOf(gone.stream());
    }
  }

  /**
   * Spells a plan out.
   *
   * @param plan which units stay
   * @param groups the slices, of the whole model or of the layers of interest; a group that keeps
   *     all its units adds nothing
   * @return the table
   * @throws IllegalArgumentException if a group does not fit the plan's model, or if two slices cut
   *     the same tensor
   */
  public static CutTable of(PruningPlan plan, Iterable<PruningGroup> groups) {
    Map<String, Cut> cuts = new LinkedHashMap<>();
    for (PruningGroup group : groups) {
      ImmutableIntArray units = plan.kept(group.id(), group.units());
      if (units.length() == group.units()) {
        continue;
      }
      for (TensorSlice slice : group.slices()) {
        int size = Math.multiplyExact(group.units(), slice.width());
        Cut cut = new Cut(slice.axis(), size, expand(units, slice.width()));
        Cut other = cuts.putIfAbsent(slice.tensor(), cut);
        checkArgument(
            other == null,
            "%s: %s cuts axis %s of a tensor that is already cut on axis %s; a tensor can belong"
                + " to one group only",
            slice.tensor(),
            group.id(),
            slice.axis(),
            other == null ? "" : other.axis());
      }
    }
    return new CutTable(ImmutableMap.copyOf(cuts));
  }

  private static ImmutableIntArray expand(ImmutableIntArray units, int width) {
    return ImmutableIntArray.copyOf(
        units.stream().flatMap(unit -> IntStream.range(unit * width, (unit + 1) * width)));
  }

  /**
   * Returns what stays of a tensor.
   *
   * @param tensor its name
   * @return the cut; empty where the tensor stays whole
   */
  public Optional<Cut> cut(String tensor) {
    return Optional.ofNullable(cuts.get(tensor));
  }

  /**
   * Returns the columns of a consumer that a masked model sets to zero.
   *
   * @param consumer name of a tensor that consumes units (axis 1)
   * @return column numbers, ascending; none where the tensor stays whole
   * @throws IllegalArgumentException if the tensor is cut by rows
   */
  public ImmutableIntArray removedColumns(String consumer) {
    Cut cut = cuts.get(consumer);
    if (cut == null) {
      return ImmutableIntArray.of();
    }
    checkArgument(
        cut.axis() == 1, "%s: loses rows (axis 0), expected a consumer (axis 1)", consumer);
    return cut.removed();
  }
}

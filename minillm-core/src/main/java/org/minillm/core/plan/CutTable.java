package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

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
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.tensor.HostMemory;

/**
 * A plan spelled out for tensors: which indices of which axis stay. Pure data, read by what cuts
 * and by what masks.
 *
 * @param cuts by tensor name, in the order of the groups; a tensor that is not here stays whole
 */
public record CutTable(ImmutableMap<String, Cut> cuts) {

  /** Leaves every tensor whole. */
  public static final CutTable NOTHING = new CutTable(ImmutableMap.of());

  // Refuses nulls.
  public CutTable {
    requireNonNull(cuts, "cuts");
  }

  /**
   * What stays of one tensor.
   *
   * @param axis the axis that shrinks, 0 or 1
   * @param size length of that axis before the cut
   * @param kept the indices of that axis that stay, ascending
   */
  public record Cut(int axis, int size, ImmutableIntArray kept) {

    // Refuses nulls.
    public Cut {
      requireNonNull(kept, "kept");
    }

    /**
     * Describes a tensor after the cut.
     *
     * @param tensor the tensor before it
     * @return the same with a shorter axis
     */
    public TensorInfo of(TensorInfo tensor) {
      long[] shape = tensor.shape().getShape().clone();
      shape[axis] = kept.length();
      return new TensorInfo(tensor.name(), tensor.type(), new Shape(shape));
    }

    /**
     * Takes what stays out of a dense tensor.
     *
     * @param dense FLOAT32, (out, in) or (out)
     * @return the kept indices of the axis, a new array on the manager of {@code dense}
     */
    public NDArray select(NDArray dense) {
      NDArray indices = dense.getManager().create(kept.stream().asLongStream().toArray());
      return axis == 0
          ? dense.get(indices)
          : dense.transpose().get(indices).transpose().duplicate();
    }

    /**
     * Puts what was kept where it was in the dense tensor.
     *
     * @param selected FLOAT32, what {@link #select} makes
     * @param owner where the result hangs
     * @return FLOAT32, in the dense tensor's shape, with zeros between
     */
    public NDArray spread(NDArray selected, NDManager owner) {
      long[] shape = selected.getShape().getShape().clone();
      shape[axis] = size;
      NDArray dense = owner.zeros(new Shape(shape));
      FloatBuffer from = HostMemory.floats(selected);
      // before the axis and after it
      int outer = axis == 0 ? 1 : Math.toIntExact(shape[0]);
      int inner = axis == 0 && shape.length == 2 ? Math.toIntExact(shape[1]) : 1;
      HostMemory.update(
          dense,
          to -> {
            for (int row = 0; row < outer; row++) {
              for (int i = 0; i < kept.length(); i++) {
                int at = (row * kept.length() + i) * inner;
                to.put((row * size + kept.get(i)) * inner, from, at, inner);
              }
            }
          });
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
    requireNonNull(plan, "plan");
    requireNonNull(groups, "groups");
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

package org.minillm.cli;

import com.google.common.primitives.ImmutableIntArray;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.runtime.CausalLm;

/**
 * Shapes like those that a plan will leave: equal or not, with or without all heads. Whether a form
 * can say them is worth knowing before the hours of scoring.
 */
final class ExpectedShapes {

  private ExpectedShapes() {}

  static List<LayerShape> of(CausalLm model, PruningTarget target, Allocation allocation) {
    List<LayerShape> shapes = new ArrayList<>();
    for (LayerShape dense : model.config().layers()) {
      // all but the uniform one may leave a layer whole
      boolean whole = shapes.isEmpty() && !allocation.name().equals(new UniformAllocation().name());
      LayerShape shape = dense;
      for (GroupKind kind : whole ? List.<GroupKind>of() : List.copyOf(target.kinds())) {
        int units = dense.units(kind);
        int kept = (int) Math.max(1, Math.round(units * (1 - target.ratio())));
        shape = shape.keeping(kind, ImmutableIntArray.copyOf(IntStream.range(0, kept)));
      }
      shapes.add(shape);
    }
    return shapes;
  }
}

package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.HostMemory;

/**
 * The first-order Taylor expansion of the loss in the weights of a unit, as LLM-Pruner uses it (Ma
 * et al., arXiv 2305.11627). W is a linear weight, g the loss gradient of W. With the gradient of
 * back-propagation this is the reference that every peer compares with. It costs what the gradient
 * costs; scoring itself reads every weight and its gradient once, a tensor at a time.
 *
 * <p>The formulas are applied to the groups of this program: every slice of a unit counts, and for
 * heads the sum of the vector form runs over all rows or columns of the head.
 *
 * @param form ELEMENT by default
 */
public record Taylor(Form form) implements ImportanceCriterion {

  // Refuses nulls.
  public Taylor {
    requireNonNull(form, "form");
  }

  /** Where the absolute value is taken. */
  public enum Form {
    /** {@code sum_ij |W_ij * g_ij|} over all slices: LLM-Pruner's {@code param_first}. */
    ELEMENT,

    /**
     * {@code sum_slices |sum_ij W_ij * g_ij|}: LLM-Pruner's {@code vectorize}, the absolute values
     * of the three sums of the gate row, the up row and the down column. Where the weights of a
     * slice pull in both directions they cancel, and the score says little.
     */
    VECTOR
  }

  /** The default, ELEMENT; for {@link java.util.ServiceLoader}. */
  public Taylor() {
    this(Form.ELEMENT);
  }

  @Override
  public String name() {
    return "taylor";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("form", Parameters.id(form));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    return new Taylor(new Parameters(this, changes).choice("form", Form.class));
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.GRADIENT);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    if (form == Form.ELEMENT) {
      return new WeightScore(requires(), 1, Aggregation.SUM).score(group, evidence);
    }
    double[] scores = new double[group.units()];
    for (TensorSlice slice : group.slices()) {
      double[] sums = sums(slice, evidence.weight(slice), evidence.gradient(slice));
      for (int unit = 0; unit < scores.length; unit++) {
        scores[unit] += Math.abs(sums[unit]);
      }
    }
    return WeightScore.requireFinite(scores, group);
  }

  /** The sums of W * g over the weights that each unit owns, signs kept. */
  private static double[] sums(TensorSlice slice, NDArray weight, Optional<NDArray> gradient) {
    Shape shape = weight.getShape();
    int columns = slice.isBias() ? 1 : (int) shape.get(1);
    FloatBuffer weights = HostMemory.floats(weight);
    Optional<FloatBuffer> gradients = gradient.map(HostMemory::floats);
    double[] sums = new double[(int) shape.get(slice.axis()) / slice.width()];
    for (int i = 0; i < weights.remaining(); i++) {
      int index = slice.axis() == 0 ? i / columns : i % columns;
      double factor = gradients.isPresent() ? gradients.get().get(i) : 1;
      sums[index / slice.width()] += weights.get(i) * factor;
    }
    return sums;
  }
}

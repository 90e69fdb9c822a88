package org.minillm.core.restore;

import static com.google.common.base.Preconditions.checkState;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;

/** What restorations compute, checked before it is added to a weight: they may be anybody's. */
final class RestorationDeltas {

  private RestorationDeltas() {}

  /** Asks for a correction of the tensor of which the moments are. */
  static Restoration.Delta of(Restoration restoration, Restoration.Moments moments, String tensor) {
    String where = "restoration " + restoration.name() + ": the correction of " + tensor;
    Restoration.Delta correction = restoration.delta(moments);
    checkState(correction != null, "%s is null", where);
    Shape weight = moments.residuals().getShape();
    require(where, correction.weight(), weight);
    NDArray bias = correction.bias();
    if (bias != null) {
      checkState(moments.intercept() != null, "%s has a bias, the consumer has none", where);
      require(where + " (its bias)", bias, new Shape(1, weight.get(0)));
    }
    double freedom = correction.freedom();
    checkState(
        freedom >= 0 && freedom < Double.POSITIVE_INFINITY,
        "%s has %s degrees of freedom, expected a finite number, at least 0",
        where,
        freedom);
    return correction;
  }

  private static void require(String where, @Nullable NDArray values, Shape shape) {
    checkState(
        values != null
            && values.getShape().equals(shape)
            && values.getDataType() == DataType.FLOAT64,
        "%s is %s, expected FLOAT64 %s",
        where,
        values == null ? "null" : values.getDataType() + " " + values.getShape(),
        shape);
    // a sum is finite where all of it is
    try (NDArray sum = values.sum()) {
      checkState(
          Double.isFinite(sum.getDouble()),
          "%s is not finite; look for NaN or overflow in the weights or the calibration text",
          where);
    }
  }
}

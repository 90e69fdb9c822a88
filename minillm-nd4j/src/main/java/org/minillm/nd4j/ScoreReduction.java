package org.minillm.nd4j;

import org.jspecify.annotations.Nullable;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Reduction;
import org.minillm.core.tensor.ScoreTerms;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/** Sums and maxima of terms, in double, a run of rows at a time, in two arrays of its size. */
final class ScoreReduction {

  private final int run;

  /** Takes so many weights at a time; a single row, or unit of rows, may be longer. */
  ScoreReduction(int run) {
    this.run = run;
  }

  double[] reduce(ScoreTerms terms, Reduction reduction) {
    int unit = terms.axis() == 0 ? terms.width() : 1;
    int rows = Math.max(1, run / (terms.columns() * unit)) * unit;
    double[] scores = new double[terms.units()];
    for (int from = 0; from < terms.rows(); from += rows) {
      try (INDArray values = values(terms, from, Math.min(terms.rows(), from + rows))) {
        if (terms.axis() == 0) {
          double[] ofRows = ofRows(values, unit, reduction);
          System.arraycopy(ofRows, 0, scores, from / unit, ofRows.length);
        } else {
          mergeColumns(values, terms.width(), reduction, scores);
        }
      }
    }
    return scores;
  }

  /** Computes |W g n| ^ exponent of some rows. */
  private static INDArray values(ScoreTerms terms, int from, int to) {
    INDArray values =
        Transfer.widened(HostMemory.floats(terms.weight()), from, to, terms.columns());
    if (terms.gradient() != null) {
      try (INDArray gradient =
          Transfer.widened(HostMemory.floats(terms.gradient()), from, to, terms.columns())) {
        values.muli(gradient);
      }
    }
    double @Nullable [] norms = terms.inputNorms();
    if (norms != null) {
      try (INDArray row = Nd4j.createFromArray(norms)) {
        values.muliRowVector(row);
      }
    }
    return terms.exponent() == 1 ? Transforms.abs(values, false) : values.muli(values);
  }

  private static double[] ofRows(INDArray values, int width, Reduction reduction) {
    long ofUnit = (long) width * values.columns();
    return reduced(values.reshape(values.rows() / width, ofUnit), 1, reduction);
  }

  private static void mergeColumns(
      INDArray values, int width, Reduction reduction, double[] scores) {
    double[] columns = reduced(values, 0, reduction);
    for (int column = 0; column < columns.length; column++) {
      int unit = column / width;
      scores[unit] =
          reduction == Reduction.SUM
              ? scores[unit] + columns[column]
              : Math.max(scores[unit], columns[column]);
    }
  }

  /** ND4J's own maximum passes over NaN, its sum does not. */
  private static double[] reduced(INDArray values, int dimension, Reduction reduction) {
    try (INDArray sums = values.sum(dimension)) {
      double[] result = sums.toDoubleVector();
      if (reduction == Reduction.MAX) {
        try (INDArray largest = values.max(dimension)) {
          for (int i = 0; i < result.length; i++) {
            result[i] = Double.isNaN(result[i]) ? Double.NaN : largest.getDouble(i);
          }
        }
      }
      return result;
    }
  }
}

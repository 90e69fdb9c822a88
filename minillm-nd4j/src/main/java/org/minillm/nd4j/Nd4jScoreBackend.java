package org.minillm.nd4j;

import com.google.common.annotations.VisibleForTesting;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.ScoreBackend;
import org.minillm.core.calibration.ScoreTerms;
import org.minillm.core.tensor.HostMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * Scores on ND4J, in double, a run of rows at a time: on the CPU with {@code nd4j-native}, on a
 * CUDA device with {@code nd4j-cuda-11.6} on the class path instead. It differs from the {@code
 * java} backend by the order in which sums are taken, some 1e-15 of a score.
 *
 * <p>Takes two arrays of 8 MiB of native memory, whatever the tensor's size, and frees them before
 * it returns.
 */
public final class Nd4jScoreBackend implements ScoreBackend {

  /** Weights in a run of rows; a single row, or unit of rows, may be longer. */
  private static final int RUN = 1 << 20;

  // JavaCPP counts the memory of the whole process, the model's too, and would refuse to go on
  static {
    System.setProperty("org.bytedeco.javacpp.maxbytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxphysicalbytes", "0");
  }

  private final int run;

  /** For {@link java.util.ServiceLoader}. */
  public Nd4jScoreBackend() {
    this(RUN);
  }

  @VisibleForTesting
  Nd4jScoreBackend(int run) {
    this.run = run;
  }

  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public double[] reduce(ScoreTerms terms, Reduction reduction) {
    int unit = terms.slice().axis() == 0 ? terms.slice().width() : 1;
    int rows = Math.max(1, run / (terms.columns() * unit)) * unit;
    double[] scores = new double[terms.units()];
    for (int from = 0; from < terms.rows(); from += rows) {
      try (INDArray values = values(terms, from, Math.min(terms.rows(), from + rows))) {
        if (terms.slice().axis() == 0) {
          double[] ofRows = ofRows(values, unit, reduction);
          System.arraycopy(ofRows, 0, scores, from / unit, ofRows.length);
        } else {
          mergeColumns(values, terms.slice().width(), reduction, scores);
        }
      }
    }
    return scores;
  }

  /** Computes |W g n| ^ exponent of some rows. */
  private static INDArray values(ScoreTerms terms, int from, int to) {
    INDArray values = rows(HostMemory.floats(terms.weight()), terms.columns(), from, to);
    if (terms.gradient() != null) {
      try (INDArray gradient =
          rows(HostMemory.floats(terms.gradient()), terms.columns(), from, to)) {
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

  private static INDArray rows(FloatBuffer matrix, int columns, int from, int to) {
    float[] copied = new float[(to - from) * columns];
    matrix.get(from * columns, copied);
    try (INDArray floats = Nd4j.createFromArray(copied)) {
      return floats.castTo(DataType.DOUBLE).reshape(to - from, columns);
    }
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

package org.minillm.nd4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import org.minillm.core.tensor.HostMemory;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Copies numbers between the arrays of the engine and those of ND4J, which the caller closes. */
final class Transfer {

  private Transfer() {}

  /** Copies a FLOAT32 array as a matrix of so many columns. */
  static INDArray floats(NDArray array, long columns) {
    return floats(HostMemory.floats(array), 0, array.size() / columns, columns);
  }

  /** Copies some rows of a matrix. */
  static INDArray floats(FloatBuffer matrix, long from, long to, long columns) {
    float[] copied = new float[Math.toIntExact((to - from) * columns)];
    matrix.get(Math.toIntExact(from * columns), copied);
    return Nd4j.createFromArray(copied).reshape(to - from, columns);
  }

  /** Copies some rows of a matrix and widens them. */
  static INDArray widened(FloatBuffer matrix, long from, long to, long columns) {
    try (INDArray floats = floats(matrix, from, to, columns)) {
      return floats.castTo(DataType.DOUBLE);
    }
  }

  /** Copies a FLOAT64 matrix. */
  static INDArray doubles(NDArray matrix) {
    Shape shape = matrix.getShape();
    return Nd4j.createFromArray(HostMemory.doubleArray(matrix)).reshape(shape.get(0), shape.get(1));
  }

  /** Copies a matrix of doubles back. */
  static NDArray toEngine(INDArray matrix, NDManager owner) {
    return owner.create(rowMajor(matrix), new Shape(matrix.rows(), matrix.columns()));
  }

  /** Returns the numbers of a matrix, row after row, whatever their order in memory. */
  static double[] rowMajor(INDArray matrix) {
    try (INDArray copy = matrix.dup('c')) {
      return copy.data().asDouble();
    }
  }
}

package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import java.util.List;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;

/**
 * Attention with linear biases (Press et al., arXiv 2108.12409): slope times the key's position is
 * added to a score, which after the softmax is the same as a penalty on the distance. Slopes depend
 * on the number of heads of the dense model and on the place that a head had there; a head that
 * survives pruning keeps its own.
 *
 * @param heads of the dense model
 */
public record Alibi(int heads) implements PositionScheme {

  /** The shortest geometric sequence of the paper ends at 2^-8, whatever the number of heads. */
  private static final double LAST_EXPONENT = 8;

  /**
   * Computes the slopes of the dense model as Hugging Face does, rounded to float32 where it
   * rounds. For a power of two, n heads, they are b, b^2, …, b^n with b = 2^(-8 / n). Else the
   * largest power of two below gives the first ones, and the odd powers of the sequence for twice
   * as many the rest.
   *
   * @return one slope a head
   */
  float[] slopes() {
    int power = Integer.highestOneBit(heads);
    float base = base(power);
    float finerBase = base(2 * power);
    float[] slopes = new float[heads];
    for (int head = 0; head < heads; head++) {
      slopes[head] =
          (float)
              (head < power
                  ? Math.pow(base, 1 + head)
                  : Math.pow(finerBase, 1 + 2 * (head - power)));
    }
    return slopes;
  }

  private static float base(int powerOfTwo) {
    return (float) Math.pow(2, -LAST_EXPONENT / powerOfTwo);
  }

  /** The positions of the keys, (rows, 1, 1, before + length). */
  @Override
  public List<NDArray> tables(TokenLayout layout, NDManager owner) {
    int keys = layout.before() + layout.length();
    float[] positions = new float[layout.rows() * keys];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = layout.keyPosition(i / keys, i % keys);
    }
    return List.of(owner.create(positions, new Shape(layout.rows(), 1, 1, keys)));
  }

  @Override
  public long tableBytes(long rows, long length) {
    return rows * length * Float.BYTES;
  }

  @Override
  public PositionScheme inLayer(LayerShape shape, NDManager owner) {
    float[] all = slopes();
    ImmutableIntArray kept = shape.keptHeads();
    float[] own = new float[kept.length()];
    for (int head = 0; head < own.length; head++) {
      own[head] = all[kept.get(head)];
    }
    return new OfLayer(owner.create(own, new Shape(own.length, 1, 1)));
  }

  /**
   * The scheme in one layer.
   *
   * @param slopes (heads, 1, 1)
   */
  private record OfLayer(NDArray slopes) implements PositionScheme {

    @Override
    public NDArray bias(NDArray scores, Positions positions) {
      Shape shape = scores.getShape();
      return scores
          .reshape(-1, slopes.getShape().get(0), shape.get(1), shape.get(2))
          .addi(positions.tables().get(0).mul(slopes))
          .reshape(shape);
    }
  }
}

package org.minillm.models;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.tensor.HostMemory;

/**
 * Rotary position embedding (Su et al., arXiv 2104.09864) in the layout of Hugging Face: channel i
 * of a head is rotated with channel i + head_dim / 2. Frequencies and angles are rounded to float32
 * where Hugging Face rounds them.
 */
public final class Rotary implements PositionScheme {

  private static final String ROTATED_PART = "partial_rotary_factor";

  /** Of (rows, heads, time, head_dim). */
  private static final int HEAD_DIM_AXIS = 3;

  private final float[] inverseFrequencies;

  private Rotary(float[] inverseFrequencies) {
    this.inverseFrequencies = inverseFrequencies;
  }

  /**
   * Reads {@code rope_parameters} (transformers 5) or {@code rope_theta} and {@code rope_scaling}.
   *
   * @param config the whole config.json
   * @param headDim width of a head, even
   * @return the scheme
   */
  public static Rotary of(ConfigReader config, int headDim) {
    requireNonNull(config, "config");
    Optional<ConfigReader> parameters = config.section("rope_parameters");
    ConfigReader scaling = parameters.or(() -> config.section("rope_scaling")).orElse(config);
    double theta =
        parameters.isPresent() && scaling.has("rope_theta")
            ? scaling.positive("rope_theta")
            : config.positiveOr("rope_theta", 10000.0);
    for (ConfigReader section : List.of(config, scaling)) {
      if (section.positiveOr(ROTATED_PART, 1) != 1) {
        throw section.unsupported(
            ROTATED_PART, section.positive(ROTATED_PART), "1: whole heads are rotated here");
      }
    }
    String type =
        scaling == config
            ? "default"
            : scaling.text("rope_type").or(() -> scaling.text("type")).orElse("default");
    float[] frequencies = new float[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      double plain = 1.0 / Math.pow(theta, 2.0 * i / headDim);
      frequencies[i] = (float) scaled(type, plain, scaling);
    }
    // after the type, which says more where it is none of ours
    if (scaling != config) {
      scaling.requireFlat();
    }
    return new Rotary(frequencies);
  }

  private static double scaled(String type, double plain, ConfigReader scaling) {
    return switch (type) {
      case "default" -> plain;
      case "linear" -> plain / scaling.positive("factor");
      case "llama3" -> llama3(plain, scaling);
      default ->
          throw scaling.unsupported("rope_type", '"' + type + '"', "default, linear or llama3");
    };
  }

  /** Low frequencies are divided by the factor, high ones stay, those between are interpolated. */
  private static double llama3(double frequency, ConfigReader scaling) {
    double factor = scaling.positive("factor");
    double low = scaling.positive("low_freq_factor");
    double high = scaling.positive("high_freq_factor");
    double original = scaling.positive("original_max_position_embeddings");
    if (high <= low) {
      throw scaling.unsupported("high_freq_factor", high, "more than low_freq_factor " + low);
    }
    double turns = original * frequency / (2 * Math.PI);
    if (turns < low) {
      return frequency / factor;
    }
    if (turns > high) {
      return frequency;
    }
    double smooth = (turns - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
  }

  /**
   * The cosines, (rows, 1, length, head_dim), and the sines, negated in the first half, so that a
   * rotation is one swap of the halves.
   */
  @Override
  public List<NDArray> tables(TokenLayout layout, NDManager owner) {
    return List.of(table(layout, owner, false), table(layout, owner, true));
  }

  @Override
  public long tableBytes(long rows, long length) {
    return 2 * rows * length * 2 * inverseFrequencies.length * Float.BYTES;
  }

  private NDArray table(TokenLayout layout, NDManager owner, boolean signedSine) {
    int half = inverseFrequencies.length;
    NDArray table =
        owner.create(new Shape(layout.rows(), 1, layout.length(), 2L * half), DataType.FLOAT32);
    float[] line = new float[2 * half];
    HostMemory.fill(
        table,
        target -> {
          for (int[] row : layout.positions()) {
            for (int position : row) {
              for (int i = 0; i < half; i++) {
                float angle = position * inverseFrequencies[i];
                line[i] = (float) (signedSine ? -Math.sin(angle) : Math.cos(angle));
                line[i + half] = (float) (signedSine ? Math.sin(angle) : Math.cos(angle));
              }
              target.put(line);
            }
          }
        });
    return table;
  }

  @Override
  public NDArray turn(NDArray heads, Positions positions) {
    NDArray cosines = positions.tables().get(0);
    NDArray signedSines = positions.tables().get(1);
    Shape shape = heads.getShape();
    if (cosines.size() == shape.get(2) && !heads.hasGradient()) {
      return turnOneToken(heads, cosines, signedSines);
    }
    NDArray byRow = heads.reshape(cosines.getShape().get(0), -1, shape.get(1), shape.get(2));
    NDList halves = byRow.split(2, HEAD_DIM_AXIS);
    NDArray swapped = halves.get(1).concat(halves.get(0), HEAD_DIM_AXIS).muli(signedSines);
    return byRow.mul(cosines).addi(swapped).reshape(shape);
  }

  /**
   * The same in Java, to the bit. Of a token by itself the heads have a few hundred numbers, on
   * which six operations of the engine take several times as long as the arithmetic.
   */
  private static NDArray turnOneToken(NDArray heads, NDArray cosines, NDArray signedSines) {
    FloatBuffer source = HostMemory.floats(heads);
    FloatBuffer cosine = HostMemory.floats(cosines);
    FloatBuffer sine = HostMemory.floats(signedSines);
    NDArray turned = heads.getManager().create(heads.getShape(), DataType.FLOAT32);
    int width = cosine.capacity();
    int half = width / 2;
    HostMemory.fill(
        turned,
        target -> {
          for (int head = 0; head < source.capacity(); head += width) {
            for (int i = 0; i < half; i++) {
              float first = source.get(head + i);
              float second = source.get(head + half + i);
              target.put(head + i, first * cosine.get(i) + second * sine.get(i));
              target.put(
                  head + half + i, second * cosine.get(half + i) + first * sine.get(half + i));
            }
          }
        });
    return turned;
  }
}

package org.minillm.core.fake;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;

/**
 * A model of two layers of three channels, and what it computes, by hand.
 *
 * <pre>
 * layer 0: up (a, b) = (a, b, a+b), down (x, y, z) = (x+z, y-z): the stream (a, b) becomes (3a+b, b-a)
 * layer 1: up (c, d) = (c-d, 2d, c), down (x, y, z) = (y, x+z):  the stream (c, d) becomes (c+2d, 2c)
 * head:    the stream (p, q) has the logits (p, q, 0, -p)
 * </pre>
 */
public final class FakeModel {

  /** What stands for each token before the first layer. */
  public static final float[][] EMBEDDED = {{1, 0}, {0, 1}, {1, 1}, {2, -1}};

  /** What stands for each token after the first layer. */
  public static final float[][] AFTER_FIRST = {{3, -1}, {1, 1}, {4, 0}, {5, -3}};

  /** What stands for each token after the last layer. */
  public static final float[][] AFTER_LAST = {{1, 6}, {3, 2}, {4, 8}, {-1, 10}};

  private static final Map<String, float[]> WEIGHTS =
      Map.of(
          "embed", new float[] {1, 0, 0, 1, 1, 1, 2, -1},
          "layers.0.up", new float[] {1, 0, 0, 1, 1, 1},
          "layers.0.down", new float[] {1, 0, 1, 0, 1, -1},
          "layers.1.up", new float[] {1, -1, 0, 2, 1, 0},
          "layers.1.down", new float[] {0, 1, 0, 1, 0, 1},
          "head", new float[] {1, 0, 0, 1, 0, 0, -1, 0});

  private FakeModel() {}

  /** Writes the model into a new folder. */
  public static Path in(Path parent) throws IOException {
    LayerShape three = new LayerShape(1, 3);
    FakeDecoder decoder = new FakeDecoder(ImmutableList.of(three, three));
    List<TensorOutput> tensors = new ArrayList<>();
    decoder
        .tensors()
        .forEach(
            (name, shape) ->
                tensors.add(
                    new TensorOutput(
                        new TensorInfo(name, TensorType.F32, shape),
                        out -> out.write(bytes(WEIGHTS.get(name))))));
    Path folder = parent.resolve("fake");
    new CheckpointWriter(folder, false)
        .config(decoder.render(decoder.config().layers()))
        .tensors(tensors)
        .write();
    return folder;
  }

  private static ByteBuffer bytes(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.flip();
  }

  /** -log P of a token after another. */
  public static double loss(int token, int next) {
    double p = AFTER_LAST[token][0];
    double q = AFTER_LAST[token][1];
    double[] logits = {p, q, 0, -p};
    double sum = Math.exp(p) + Math.exp(q) + 1 + Math.exp(-p);
    return Math.log(sum) - logits[next];
  }
}

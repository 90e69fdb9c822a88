package org.minillm.cli;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorContent;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.tensor.CounterRng;

/**
 * A checkpoint of random weights in bfloat16 with the shapes of any config.json, to try at scale
 * what no trained model is at hand for. Matrices are normal with a standard deviation of 0.02, as
 * models are initialised; scales of norms are 1 and biases 0.
 *
 * @param config the parsed config.json
 * @param companions files to copy, such as a tokenizer's
 * @param seed of all weights
 */
record SyntheticCheckpoint(JsonObject config, List<Path> companions, long seed) {

  private static final float DEVIATION = 0.02f;
  private static final int BUFFER = 1 << 20;

  /**
   * Writes the folder.
   *
   * @param target the folder to create
   * @param overwrite whether a model folder that stands there is replaced
   * @param listener told of the progress, a step a byte
   * @throws IOException if it cannot be written
   * @throws IllegalArgumentException if the config names no known family or lacks a key
   */
  void write(Path target, boolean overwrite, PassListener listener) throws IOException {
    JsonObject rendered = config.deepCopy();
    rendered.addProperty("dtype", "bfloat16");
    rendered.remove("torch_dtype");
    List<TensorOutput> tensors =
        shapes().entrySet().stream().map(e -> output(e.getKey(), e.getValue())).toList();
    CheckpointWriter writer =
        new CheckpointWriter(target, overwrite)
            .config(rendered)
            .tensors(tensors)
            .companions(companions)
            .facts(Map.of("synthetic", "random weights", "seed", Long.toString(seed)))
            .onProgress(listener::stepsDone);
    listener.passStarted("write", writer.weightBytes());
    writer.write();
    listener.passDone();
  }

  private Map<String, Shape> shapes() {
    String type = new JsonNode("", config).get("model_type").text();
    return Plugins.named(Architecture.class, type).decoder(config, Map.of()).tensors();
  }

  private TensorOutput output(String name, Shape shape) {
    TensorInfo info = new TensorInfo(name, TensorType.BF16, shape);
    boolean matrix = shape.dimension() > 1;
    float constant = name.endsWith(".bias") ? 0 : 1;
    TensorContent content =
        out -> {
          for (long at = 0; at < info.elements(); at += BUFFER) {
            float[] values = new float[(int) Math.min(BUFFER, info.elements() - at)];
            if (matrix) {
              CounterRng.fillNormal(FloatBuffer.wrap(values), seed, CounterRng.stream(name), at);
            } else {
              Arrays.fill(values, constant);
            }
            out.write(bfloat16(values, matrix ? DEVIATION : 1));
          }
        };
    return new TensorOutput(info, content);
  }

  /** The upper halves of the float32 numbers: random numbers need no rounding. */
  private static ByteBuffer bfloat16(float[] values, float scale) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * TensorType.BF16.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putShort((short) (Float.floatToRawIntBits(value * scale) >>> Short.SIZE));
    }
    return bytes.flip();
  }
}

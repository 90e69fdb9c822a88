package org.minillm.core.testing;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.minillm.core.checkpoint.SafetensorsWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.TargetFile;

/**
 * A checkpoint of {@link FakeFamily}: token 0 is (1, 0), token 1 is (0, 1), token 2 is (1, 1). Each
 * of two layers adds to the second number, times a factor, the first one, by the first of its two
 * channels; the second channel hands on nothing.
 */
public final class FakeModel {

  /** What a layer adds. */
  public static final float[] FACTORS = {2, 3};

  private FakeModel() {}

  /**
   * Writes the checkpoint.
   *
   * @param folder is made
   * @return the folder
   */
  public static Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve("config.json"),
        "{\"model_type\": \"fake\", \"hidden_size\": 2, \"vocab_size\": 3, \"channels\": [2, 2]}");
    ImmutableMap.Builder<String, float[]> tensors = ImmutableMap.builder();
    tensors.put("embedding.weight", new float[] {1, 0, 0, 1, 1, 1});
    for (int layer = 0; layer < FACTORS.length; layer++) {
      // channel 0 reads the first number, channel 1 the second
      tensors.put(FakeFamily.up(layer), new float[] {1, 0, 0, 1});
      tensors.put(FakeFamily.down(layer), new float[] {0, 0, FACTORS[layer], 0});
    }
    List<TensorOutput> outputs = new ArrayList<>();
    for (Map.Entry<String, float[]> tensor : tensors.buildOrThrow().entrySet()) {
      outputs.add(output(tensor.getKey(), tensor.getValue()));
    }
    SafetensorsWriter.write(new TargetFile(folder.resolve("model.safetensors"), false), outputs);
    return folder;
  }

  private static TensorOutput output(String name, float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return new TensorOutput(
        new TensorInfo(name, TensorType.F32, new Shape(values.length / 2, 2)),
        out -> out.write(bytes));
  }
}

package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.minillm.core.checkpoint.SafetensorsWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.TargetFile;
import org.minillm.core.tensor.CounterRng;

/** A tiny model of random weights, to be spoilt and written. */
final class SpoiltModel {

  private static final float DEVIATION = 0.1f;

  private final JsonObject config;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, float[]> numbers = new LinkedHashMap<>();

  private SpoiltModel(JsonObject config) {
    this.config = config;
    TestConfigs.decoder(config)
        .tensors()
        .forEach((name, shape) -> put(name, TensorType.F32, shape.getShape()));
  }

  static SpoiltModel of(String config) {
    return new SpoiltModel(TestConfigs.json(config));
  }

  /** Sets keys of config.json. */
  SpoiltModel config(String changes) {
    TestConfigs.json(changes)
        .entrySet()
        .forEach(change -> config.add(change.getKey(), change.getValue()));
    return this;
  }

  /** Adds a tensor, or puts another in its place; random in F32, else zeros. */
  SpoiltModel put(String name, TensorType type, long... shape) {
    TensorInfo info = new TensorInfo(name, type, new Shape(shape));
    tensors.put(name, info);
    numbers.remove(name);
    if (type == TensorType.F32) {
      float[] random = new float[(int) info.elements()];
      for (int i = 0; i < random.length; i++) {
        random[i] = DEVIATION * (float) (CounterRng.uniform(7, CounterRng.stream(name), i) - 0.5);
      }
      numbers.put(name, random);
    }
    return this;
  }

  SpoiltModel remove(String name) {
    tensors.remove(name);
    return this;
  }

  SpoiltModel set(String name, int index, float number) {
    numbers.get(name)[index] = number;
    return this;
  }

  SpoiltModel times(String name, float factor) {
    float[] all = numbers.get(name);
    for (int i = 0; i < all.length; i++) {
      all[i] *= factor;
    }
    return this;
  }

  SpoiltModel rename(UnaryOperator<String> names) {
    Map<String, TensorInfo> renamed = new LinkedHashMap<>();
    Map<String, float[]> theirNumbers = new LinkedHashMap<>();
    tensors.forEach(
        (name, info) -> {
          String other = names.apply(name);
          renamed.put(other, new TensorInfo(other, info.type(), info.shape()));
          if (numbers.containsKey(name)) {
            theirNumbers.put(other, numbers.get(name));
          }
        });
    tensors.clear();
    tensors.putAll(renamed);
    numbers.clear();
    numbers.putAll(theirNumbers);
    return this;
  }

  /** Writes config.json and the weights. */
  Path in(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), config.toString());
    List<TensorOutput> outputs = new ArrayList<>();
    tensors.forEach(
        (name, info) ->
            outputs.add(new TensorOutput(info, out -> out.write(bytes(info, numbers.get(name))))));
    SafetensorsWriter.write(new TargetFile(folder.resolve("model.safetensors"), true), outputs);
    return folder;
  }

  private static ByteBuffer bytes(TensorInfo info, float[] numbers) {
    ByteBuffer bytes = ByteBuffer.allocate((int) info.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    if (numbers != null) {
      bytes.asFloatBuffer().put(numbers);
    }
    return bytes;
  }
}

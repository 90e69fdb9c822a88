package org.minillm.gguf;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Maps;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.CheckpointContents;
import org.minillm.core.checkpoint.CheckpointFormat;
import org.minillm.core.checkpoint.PositionedFile;

/**
 * Reads models from GGUF files, llama.cpp's, of F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and
 * Q2_K to Q6_K. Quantised tensors are read, and written, as float16.
 */
public final class GgufFormat implements CheckpointFormat {

  /** For {@link java.util.ServiceLoader}. */
  public GgufFormat() {}

  @Override
  public String name() {
    return "gguf";
  }

  @Override
  public boolean recognises(Path file) throws IOException {
    requireNonNull(file, "file");
    ByteBuffer start = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file)) {
      while (start.hasRemaining() && channel.read(start) >= 0) {
        // goes on
      }
    }
    return !start.hasRemaining() && start.getInt(0) == GgufWriter.MAGIC;
  }

  @Override
  public CheckpointContents open(Path file) throws IOException {
    requireNonNull(file, "file");
    GgufHeader header = GgufHeaderReader.read(file);
    PositionedFile open = PositionedFile.open(file);
    try {
      return contents(new GgufKeys(file, header.metadata()), header, open);
    } catch (IOException | RuntimeException e) {
      open.close();
      throw e;
    }
  }

  private static CheckpointContents contents(GgufKeys keys, GgufHeader header, PositionedFile file)
      throws IOException {
    Map<String, GgufHeader.Entry> byName =
        Maps.uniqueIndex(header.tensors(), GgufHeader.Entry::name);
    GgufConfig config = new GgufConfig(keys, byName);
    Optional<RotaryKeys> llama3 = llama3(keys, config, byName.get("rope_freqs.weight"), file);
    return new CheckpointContents(
        config.json(llama3),
        ImmutableList.copyOf(new GgufTensors(keys, config, file).of(header.tensors())),
        GgufTokenizer.texts(keys),
        file.size(),
        file);
  }

  private static Optional<RotaryKeys> llama3(
      GgufKeys keys, GgufConfig config, GgufHeader.@Nullable Entry factors, PositionedFile file)
      throws IOException {
    if (factors == null) {
      return Optional.empty();
    }
    if (factors.type() != GgufType.F32
        || !factors.shape().equals(new Shape(config.headDim() / 2))) {
      throw keys.refuse("rope_freqs.weight is no F32 vector of half a head");
    }
    ByteBuffer bytes =
        ByteBuffer.allocate(config.headDim() / 2 * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.read(bytes, factors.position());
    float[] numbers = new float[config.headDim() / 2];
    bytes.flip().asFloatBuffer().get(numbers);
    return Optional.of(
        Llama3Scaling.of(numbers, config.theta())
            .orElseThrow(
                () ->
                    keys.refuse(
                        "rope_freqs.weight holds factors that LLaMA 3's scaling does not give; start"
                            + " from the model's Hugging Face folder")));
  }
}

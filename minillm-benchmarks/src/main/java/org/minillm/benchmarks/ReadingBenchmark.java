package org.minillm.benchmarks;

import ai.djl.ndarray.types.Shape;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Reading a tensor of 4096 x 2048 weights from the page cache into float32: F32 is a plain copy of
 * the bytes, what the others take more is widening. 32 MiB of float32 a call.
 */
public class ReadingBenchmark extends KernelBenchmark {

  private static final String TENSOR = "weight";
  private static final Shape SHAPE = new Shape(4096, 2048);

  /** How the numbers are stored. */
  @Param({"F32", "F16", "BF16"})
  public TensorType type;

  private Path folder;
  private Checkpoint checkpoint;

  /** Writes the tensor and reads it once. */
  @Setup(Level.Trial)
  public void write() throws IOException {
    folder = Files.createTempDirectory("minillm-benchmark");
    byte[] bytes = new byte[Math.toIntExact(SHAPE.size() * type.bytes())];
    new Random(0).nextBytes(bytes);
    TensorInfo info = new TensorInfo(TENSOR, type, SHAPE);
    new CheckpointWriter(folder.resolve("model"), false)
        .config(new JsonObject())
        .tensors(List.of(new TensorOutput(info, out -> out.write(ByteBuffer.wrap(bytes)))))
        .write();
    checkpoint = Checkpoint.open(folder.resolve("model"));
    read();
  }

  /** Reads the whole tensor. */
  @Benchmark
  public void read() throws IOException {
    checkpoint.read(TENSOR, manager).close();
  }

  /** Deletes the files. */
  @TearDown(Level.Trial)
  public void delete() throws IOException {
    checkpoint.close();
    MoreFiles.deleteRecursively(folder, RecursiveDeleteOption.ALLOW_INSECURE);
  }
}

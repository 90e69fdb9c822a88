package org.minillm.core.evaluation;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.SafetensorsWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.TargetFile;
import org.minillm.core.journal.Journal;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.NotFiniteException;

/** Writes logits, to be compared with those of another implementation. */
public final class LogitsFile {

  /** Logits that are gathered before they are written. */
  private static final int BUFFER_BYTES = 32 << 20;

  /** The one at work, the one before, and what the system makes of one to write it. */
  private static final int BUFFERS = 3;

  private LogitsFile() {}

  /**
   * Computes and writes logits; they are streamed, never whole in memory.
   *
   * @param model the model; read only
   * @param ids token ids, (batch, time)
   * @param file the safetensors file, or a stream; its one tensor {@code logits} is F32, (batch,
   *     time, vocabulary)
   * @param overwrite whether a file that stands there is replaced; never one of the model's
   * @param listener told of the progress
   * @throws IOException if the checkpoint cannot be read, or the file is refused or cannot be
   *     written; what stood there before is then as it was
   * @throws IllegalArgumentException if the memory budget of the model cannot be kept
   */
  public static void write(
      CausalLm model, List<int[]> ids, Path file, boolean overwrite, PassListener listener)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(ids, "ids");
    requireNonNull(file, "file");
    requireNonNull(listener, "listener");
    TargetFile target =
        new TargetFile(file, overwrite).apartFrom(List.of(model.checkpoint().path()));
    target.check();
    model.reserve(memoryForecast(model, ids));
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(ids, WeightTransform.NONE, BlockTap.NONE);
      listener.passStarted("logits", pass.layers());
      new PassRunner(model, listener, Journal.NONE).run(pass);
      List<NDArray> batches = pass.normed(stream);
      Shape shape = new Shape(ids.size(), ids.get(0).length, model.config().vocabSize());
      SafetensorsWriter.write(
          target,
          List.of(
              new TensorOutput(
                      new TensorInfo("logits", TensorType.F32, shape),
                      out -> {
                        for (NDArray batch : batches) {
                          writeBatch(model, batch, out);
                        }
                      })
                  .requiringFinite()));
      listener.passDone();
    } catch (NotFiniteException e) {
      throw model.diagnose(e, ids);
    }
  }

  /**
   * Forecasts what {@link #write} needs in memory; it reserves it.
   *
   * @param model the model
   * @param ids token ids, (batch, time)
   * @return the forecast of the model, with the hidden states and the logits that are gathered
   */
  public static MemoryForecast memoryForecast(CausalLm model, List<int[]> ids) {
    requireNonNull(model, "model");
    requireNonNull(ids, "ids");
    int length = ids.get(0).length;
    long stream = (long) ids.size() * length * model.config().hiddenSize() * Float.BYTES;
    long rows = Math.max(BUFFER_BYTES, (long) model.config().vocabSize() * Float.BYTES);
    // what the head reads is in memory whole
    return model.memoryForecast(length).withStreams(stream).plus(stream + BUFFERS * rows);
  }

  private static void writeBatch(CausalLm model, NDArray batch, WritableByteChannel out)
      throws IOException {
    LanguageHead head = new LanguageHead(model);
    int vocabulary = model.config().vocabSize();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray hidden = batch.reshape(-1, batch.getShape().get(2));
      int tokens = Math.toIntExact(hidden.getShape().get(0));
      int perChunk = Math.max(1, BUFFER_BYTES / Float.BYTES / vocabulary);
      for (int from = 0; from < tokens; from += perChunk) {
        int to = Math.min(tokens, from + perChunk);
        ByteBuffer rows =
            ByteBuffer.allocate((to - from) * vocabulary * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        head.logits(
            hidden.get(from + ":" + to),
            (logits, firstId) -> put(logits, firstId, rows, vocabulary));
        out.write(rows);
      }
    }
  }

  private static void put(NDArray logits, int firstId, ByteBuffer rows, int vocabulary) {
    int chunk = Math.toIntExact(logits.getShape().get(1));
    FloatBuffer numbers = HostMemory.floats(logits);
    for (int row = 0; row < logits.getShape().get(0); row++) {
      rows.asFloatBuffer().put(row * vocabulary + firstId, numbers, row * chunk, chunk);
    }
  }
}

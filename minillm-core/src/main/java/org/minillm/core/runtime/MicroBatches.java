package org.minillm.core.runtime;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.ScratchFile;
import org.minillm.core.files.Interrupts;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.tensor.HostMemory;

/**
 * Hidden states in micro-batches. They are arrays in memory, or where the memory budget has no room
 * for them, they wait in a scratch file, and those of one micro-batch at a time are in memory.
 * Which of the two makes no difference to a result.
 *
 * <p>Owns the arrays or the file: tokens x hidden_size x 4 bytes.
 */
final class MicroBatches implements ArraySource, AutoCloseable {

  private final NDManager manager;
  private final @Nullable ScratchFile file;
  private final List<NDArray> arrays = new ArrayList<>();
  private final List<Shape> shapes = new ArrayList<>();
  private final List<Long> starts = new ArrayList<>();
  private long end;
  private @Nullable NDManager shown;
  private int holders = 1;

  /**
   * Begins without a micro-batch.
   *
   * @param manager where the arrays hang; closed by this
   * @param file where they wait instead; closed by this
   */
  MicroBatches(NDManager manager, @Nullable ScratchFile file) {
    this.manager = manager;
    this.file = file;
  }

  /** Begins where the memory budget of a model has a place for them. */
  static MicroBatches of(CausalLm model) throws IOException {
    return new MicroBatches(
        model.newManager(),
        model.spillsStreams() ? ScratchFile.near(model.checkpoint().path()) : null);
  }

  /** Works with one micro-batch. */
  @FunctionalInterface
  interface Visitor {

    /**
     * Takes a micro-batch.
     *
     * @param batch its number
     * @param hidden FLOAT32, (rows, time, hidden_size); gone after the call if it is not in memory
     * @param scratch closed after the call
     * @throws IOException if a file cannot be read or written
     */
    void visit(int batch, NDArray hidden, NDManager scratch) throws IOException;
  }

  /** Shows all micro-batches, one after the other. */
  void forEach(Visitor visitor) throws IOException {
    forEach(this, manager, visitor);
  }

  /** Shows all micro-batches of a source, one after the other. */
  static void forEach(ArraySource source, NDManager owner, Visitor visitor) throws IOException {
    int batches = source.shapes().size();
    for (int batch = 0; batch < batches; batch++) {
      Interrupts.requireNone();
      try (NDManager scratch = owner.newSubManager()) {
        visitor.visit(batch, source.read(batch, scratch), scratch);
      }
    }
  }

  /** Tells whether the micro-batches wait in a file. */
  boolean isSpilled() {
    return file != null;
  }

  /** Lets somebody else read them, too: each of them closes these, and the last one frees them. */
  MicroBatches shared() {
    holders++;
    return this;
  }

  /** Tells whether somebody else reads them: then nothing may take their place. */
  boolean isShared() {
    return holders > 1;
  }

  @Override
  public ImmutableList<Shape> shapes() {
    return ImmutableList.copyOf(shapes);
  }

  @Override
  public NDArray read(int batch, NDManager owner) throws IOException {
    if (file == null) {
      return arrays.get(batch);
    }
    NDArray array = owner.create(shapes.get(batch), DataType.FLOAT32);
    HostMemory.fillBytes(array, bytes -> file.read(bytes, starts.get(batch)));
    return array;
  }

  /**
   * Adds a micro-batch.
   *
   * @param hidden FLOAT32, contiguous; belongs to these from now on
   * @throws IOException if the disk is full
   */
  void add(NDArray hidden) throws IOException {
    shapes.add(hidden.getShape());
    if (file == null) {
      hidden.attach(manager);
      arrays.add(hidden);
      return;
    }
    starts.add(end);
    end += hidden.getShape().size() * Float.BYTES;
    write(shapes.size() - 1, hidden);
  }

  /** Puts a micro-batch of the same shape in the place of another, which is gone. */
  void set(int batch, NDArray hidden) throws IOException {
    if (file == null) {
      hidden.attach(manager);
      arrays.set(batch, hidden).close();
    } else {
      write(batch, hidden);
    }
    if (shown != null) {
      shown.close();
      shown = null;
    }
  }

  private void write(int batch, NDArray hidden) throws IOException {
    requireNonNull(file).write(HostMemory.bytes(hidden), starts.get(batch));
    hidden.close();
  }

  /** Returns all of them, in memory until the next one is set. */
  List<NDArray> all() throws IOException {
    if (file == null) {
      return List.copyOf(arrays);
    }
    if (shown == null) {
      shown = manager.newSubManager();
    }
    List<NDArray> all = new ArrayList<>();
    for (int batch = 0; batch < shapes.size(); batch++) {
      all.add(read(batch, shown));
    }
    return all;
  }

  /**
   * Takes over where others stood.
   *
   * @param source arrays
   * @param first the number of the first of them there
   * @param count micro-batches
   */
  void copy(ArraySource source, int first, int count) throws IOException {
    for (int batch = 0; batch < count; batch++) {
      add(source.read(first + batch, manager));
    }
  }

  /** Frees the arrays, and deletes the file, unless somebody else reads them. */
  @Override
  public void close() {
    holders--;
    if (holders > 0) {
      return;
    }
    arrays.clear();
    shapes.clear();
    manager.close();
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}

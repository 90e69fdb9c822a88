package org.minillm.core.checkpoint;

import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A stored tensor, or the indices kept of one of its axes, copied bit by bit; the indices not kept
 * are left out or turned into zeros. The tensor is read from front to back, every byte at most
 * once, through one buffer.
 */
final class StoredContent implements TensorContent {

  /** Consecutive bytes within a lane, to be copied or to be zeros. */
  private record Run(long offset, long bytes, boolean zeros) {}

  private final StoredTensor tensor;
  private final TransferBuffers buffers;
  // The tensor is this many lanes one after the other, and of each the same runs are kept.
  private final long lanes;
  private final long laneBytes;
  private final List<Run> runs;

  private StoredContent(
      StoredTensor tensor, TransferBuffers buffers, long lanes, long laneBytes, List<Run> runs) {
    this.tensor = tensor;
    this.buffers = buffers;
    this.lanes = lanes;
    this.laneBytes = laneBytes;
    this.runs = runs;
  }

  static StoredContent whole(StoredTensor tensor, TransferBuffers buffers) {
    long bytes = tensor.info().bytes();
    return new StoredContent(tensor, buffers, 1, bytes, List.of(new Run(0, bytes, false)));
  }

  /** Leaves out the indices that are not kept. Indices ascend and lie within the axis. */
  static StoredContent selected(
      StoredTensor tensor, TransferBuffers buffers, int axis, ImmutableIntArray indices) {
    return of(tensor, buffers, axis, kept(indices, unitBytes(tensor.info(), axis)));
  }

  /** Turns the indices that are not kept into zeros. Indices ascend and lie within the axis. */
  static StoredContent zeroed(
      StoredTensor tensor, TransferBuffers buffers, int axis, ImmutableIntArray indices) {
    long unit = unitBytes(tensor.info(), axis);
    List<Run> runs = new ArrayList<>();
    long end = 0;
    for (Run run : kept(indices, unit)) {
      runs.add(new Run(end, run.offset() - end, true));
      runs.add(run);
      end = run.offset() + run.bytes();
    }
    runs.add(new Run(end, unit * tensor.info().shape().get(axis) - end, true));
    return of(tensor, buffers, axis, runs);
  }

  private static StoredContent of(
      StoredTensor tensor, TransferBuffers buffers, int axis, List<Run> runs) {
    Shape shape = tensor.info().shape();
    long lanes = 1;
    for (int i = 0; i < axis; i++) {
      lanes *= shape.get(i);
    }
    long laneBytes = unitBytes(tensor.info(), axis) * shape.get(axis);
    return new StoredContent(tensor, buffers, lanes, laneBytes, runs);
  }

  /** What one index of an axis takes within a lane. */
  private static long unitBytes(TensorInfo info, int axis) {
    long unit = info.type().bytes();
    for (int i = axis + 1; i < info.shape().dimension(); i++) {
      unit *= info.shape().get(i);
    }
    return unit;
  }

  private static List<Run> kept(ImmutableIntArray indices, long unit) {
    List<Run> runs = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= indices.length(); i++) {
      if (i == indices.length() || indices.get(i) != indices.get(i - 1) + 1) {
        runs.add(new Run(indices.get(start) * unit, (i - start) * unit, false));
        start = i;
      }
    }
    return runs;
  }

  @Override
  public void writeTo(WritableByteChannel out) throws IOException {
    ByteBuffer window = buffers.take();
    try {
      new Copy(window, out).run();
    } finally {
      buffers.give(window);
    }
  }

  /** One pass over the tensor. */
  private final class Copy {
    private final ByteBuffer window;
    private long windowStart;
    private final WritableByteChannel out;
    private final byte[] kept = new byte[TransferBuffers.BYTES];
    private int keptBytes;

    Copy(ByteBuffer window, WritableByteChannel out) {
      this.window = window.limit(0);
      this.out = out;
    }

    void run() throws IOException {
      for (long lane = 0; lane < lanes; lane++) {
        for (Run run : runs) {
          if (run.zeros()) {
            zeros(run.bytes());
          } else {
            copy(lane * laneBytes + run.offset(), run.bytes());
          }
        }
      }
      flush();
    }

    private void copy(long from, long bytes) throws IOException {
      long at = from;
      long end = from + bytes;
      while (at < end) {
        if (at >= windowStart + window.limit()) {
          windowStart = at;
          window.clear().limit((int) Math.min(window.capacity(), tensor.info().bytes() - at));
          tensor.read(window, at);
        }
        if (keptBytes == kept.length) {
          flush();
        }
        int offset = (int) (at - windowStart);
        int count = Math.min(window.limit() - offset, kept.length - keptBytes);
        count = (int) Math.min(count, end - at);
        window.get(offset, kept, keptBytes, count);
        keptBytes += count;
        at += count;
      }
    }

    private void zeros(long bytes) throws IOException {
      for (long left = bytes; left > 0; ) {
        if (keptBytes == kept.length) {
          flush();
        }
        int count = (int) Math.min(left, kept.length - keptBytes);
        Arrays.fill(kept, keptBytes, keptBytes + count, (byte) 0);
        keptBytes += count;
        left -= count;
      }
    }

    private void flush() throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(kept, 0, keptBytes);
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      keptBytes = 0;
    }
  }
}

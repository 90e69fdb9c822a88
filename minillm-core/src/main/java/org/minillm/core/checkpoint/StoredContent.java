package org.minillm.core.checkpoint;

import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;

/**
 * A stored tensor, or the indices kept of one of its axes, copied bit by bit. The tensor is read
 * from front to back, every byte at most once, through one buffer.
 */
final class StoredContent implements TensorContent {

  /** Consecutive bytes within a lane. */
  private record Run(long offset, long bytes) {}

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
    return new StoredContent(tensor, buffers, 1, bytes, List.of(new Run(0, bytes)));
  }

  /** Indices ascend and lie within the axis. */
  static StoredContent selected(
      StoredTensor tensor, TransferBuffers buffers, int axis, ImmutableIntArray indices) {
    TensorInfo info = tensor.info();
    long lanes = 1;
    for (int i = 0; i < axis; i++) {
      lanes *= info.shape().get(i);
    }
    long unit = info.type().bytes();
    for (int i = axis + 1; i < info.shape().dimension(); i++) {
      unit *= info.shape().get(i);
    }
    return new StoredContent(
        tensor, buffers, lanes, unit * info.shape().get(axis), runs(indices, unit));
  }

  private static List<Run> runs(ImmutableIntArray indices, long unit) {
    List<Run> runs = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= indices.length(); i++) {
      if (i == indices.length() || indices.get(i) != indices.get(i - 1) + 1) {
        runs.add(new Run(indices.get(start) * unit, (i - start) * unit));
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
          copy(lane * laneBytes + run.offset(), run.bytes());
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

    private void flush() throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(kept, 0, keptBytes);
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
      keptBytes = 0;
    }
  }
}

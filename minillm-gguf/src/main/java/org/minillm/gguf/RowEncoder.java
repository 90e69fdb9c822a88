package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.channels.WritableByteChannel;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.Widening;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Takes the bytes of a stored tensor and passes its rows on in another type and order. Holds as
 * many rows as a group has, or some of them.
 */
final class RowEncoder implements WritableByteChannel {

  private static final int BATCH_BYTES = 1 << 16;

  private final TensorInfo source;
  private final RowGroups groups;
  private final GgufType type;
  private final WritableByteChannel out;
  private final int rowLength;
  private final ByteBuffer stored;
  private final float[] numbers;
  private final ByteBuffer encoded;

  /**
   * Makes an encoder.
   *
   * @param source what comes in: F32, F16, BF16 or F64; a vector's numbers are rows of one if
   *     {@code groups} order them
   */
  RowEncoder(TensorInfo source, RowGroups groups, GgufType type, WritableByteChannel out) {
    this.source = source;
    this.groups = groups;
    this.type = type;
    this.out = out;
    int axes = source.shape().dimension();
    long length =
        axes > 1 ? source.shape().get(axes - 1) : groups.rows() > 1 ? 1 : source.shape().size();
    this.rowLength = Math.toIntExact(length);
    long groupNumbers = Math.multiplyExact((long) groups.rows(), (long) rowLength);
    long batch = Math.max(1, BATCH_BYTES / Math.max(1, groupNumbers * source.type().bytes()));
    int most = Math.toIntExact(Math.max(1, batch * groupNumbers));
    this.stored = ByteBuffer.allocate(Math.multiplyExact(most, source.type().bytes()));
    this.numbers = new float[most];
    long rows = groups.kept(most / Math.max(1, rowLength));
    this.encoded =
        ByteBuffer.allocate(Math.toIntExact(rows * type.rowBytes(rowLength)))
            .order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    int before = bytes.remaining();
    while (bytes.hasRemaining()) {
      int count = Math.min(bytes.remaining(), stored.remaining());
      stored.put(bytes.slice(bytes.position(), count));
      bytes.position(bytes.position() + count);
      if (!stored.hasRemaining()) {
        pass();
      }
    }
    return before;
  }

  /** Passes on what is left; to be called when all has come. */
  void finish() throws IOException {
    pass();
  }

  private void pass() throws IOException {
    stored.flip();
    int count = stored.remaining() / source.type().bytes();
    int groupNumbers = groups.rows() * rowLength;
    checkState(count % Math.max(1, groupNumbers) == 0, "%s: no whole rows", source.name());
    IntBuffer bits = IntBuffer.allocate(count);
    Widening.widen(source.type(), stored, bits);
    for (int i = 0; i < count; i++) {
      numbers[i] = Float.intBitsToFloat(bits.get(i));
    }
    stored.clear();
    for (int group = 0; group < count; group += groupNumbers) {
      for (int i = 0; i < groups.order().length(); i++) {
        encodeRow(group + groups.order().get(i) * rowLength);
      }
    }
    encoded.flip();
    while (encoded.hasRemaining()) {
      out.write(encoded);
    }
    encoded.clear();
  }

  private void encodeRow(int from) {
    if (!BlockEncoder.encode(type, numbers, from, from + rowLength, encoded)) {
      throw new NotFiniteException(
          "%s: a number is too large to be written as %s; write the model as BF16 or F32"
              .formatted(source.name(), type));
    }
  }

  @Override
  public boolean isOpen() {
    return out.isOpen();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException("the target is not the encoder's to close");
  }
}

package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkState;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.function.LongConsumer;

/**
 * Writes a GGUF file, version 3, little-endian: the head (metadata, then name, type, shape and
 * place of each tensor), and the tensors one after the other, each at a multiple of {@value
 * #ALIGNMENT} bytes.
 */
final class GgufWriter {

  static final int MAGIC = 'G' | 'G' << 8 | 'U' << 16 | 'F' << 24;
  static final int VERSION = 3;
  static final int ALIGNMENT = 32;

  /** ggml's limit, its final zero not counted. */
  static final int MAX_NAME = 63;

  private final ImmutableMap<String, GgufValue> metadata;
  private final ImmutableList<GgufTensor> tensors;

  GgufWriter(ImmutableMap<String, GgufValue> metadata, ImmutableList<GgufTensor> tensors) {
    this.metadata = metadata;
    this.tensors = tensors;
    for (GgufTensor tensor : tensors) {
      checkState(tensor.name().length() <= MAX_NAME, "%s: a name too long", tensor.name());
    }
  }

  /** Bytes of the tensors, the gaps between them included. */
  long dataBytes() {
    return tensors.stream().mapToLong(tensor -> aligned(tensor.bytes())).sum();
  }

  /**
   * Writes the file.
   *
   * @param out takes all bytes it is given
   * @param progress told of the bytes of tensors
   */
  void writeTo(WritableByteChannel out, LongConsumer progress) throws IOException {
    LittleEndianBytes head = head();
    head.pad(ALIGNMENT);
    writeAll(head.bytes(), out);
    for (GgufTensor tensor : tensors) {
      CountingChannel counted = new CountingChannel(out, progress);
      tensor.content().writeTo(counted);
      checkState(
          counted.bytes() == tensor.bytes(),
          "%s: %s bytes were written, not %s",
          tensor.name(),
          counted.bytes(),
          tensor.bytes());
      int gap = (int) (aligned(tensor.bytes()) - tensor.bytes());
      writeAll(ByteBuffer.allocate(gap), out);
      progress.accept(gap);
    }
  }

  private LittleEndianBytes head() {
    LittleEndianBytes head = new LittleEndianBytes();
    head.int32(MAGIC);
    head.int32(VERSION);
    head.int64(tensors.size());
    head.int64(metadata.size());
    metadata.forEach(
        (key, value) -> {
          text(head, key);
          head.int32(value.type().code());
          value(head, value.type(), value.value());
        });
    long offset = 0;
    for (GgufTensor tensor : tensors) {
      text(head, tensor.name());
      int axes = tensor.shape().dimension();
      head.int32(axes);
      for (int axis = axes - 1; axis >= 0; axis--) {
        head.int64(tensor.shape().get(axis));
      }
      head.int32(tensor.type().code());
      head.int64(offset);
      offset += aligned(tensor.bytes());
    }
    return head;
  }

  private static void text(LittleEndianBytes out, String text) {
    byte[] bytes = text.getBytes(UTF_8);
    out.int64(bytes.length);
    out.put(bytes);
  }

  private static void value(LittleEndianBytes out, GgufValueType type, Object value) {
    switch (type) {
      case UINT8, INT8 -> out.int8((int) (long) (Long) value);
      case UINT16, INT16 -> out.int16((int) (long) (Long) value);
      case UINT32, INT32 -> out.int32((int) (long) (Long) value);
      case UINT64, INT64 -> out.int64((Long) value);
      case FLOAT32 -> out.int32(Float.floatToRawIntBits(((Double) value).floatValue()));
      case FLOAT64 -> out.int64(Double.doubleToRawLongBits((Double) value));
      case BOOL -> out.int8((Boolean) value ? 1 : 0);
      case STRING -> text(out, (String) value);
      case ARRAY -> {
        GgufValue.Items items = (GgufValue.Items) value;
        out.int32(items.type().code());
        out.int64(items.values().size());
        items.values().forEach(item -> value(out, items.type(), item));
      }
    }
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void writeAll(ByteBuffer bytes, WritableByteChannel out) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** The head in memory: it is as large as the tokenizer. */
  private static final class LittleEndianBytes {
    private ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

    void int8(int value) {
      room(1).put((byte) value);
    }

    void int16(int value) {
      room(2).putShort((short) value);
    }

    void int32(int value) {
      room(4).putInt(value);
    }

    void int64(long value) {
      room(8).putLong(value);
    }

    void put(byte[] bytes) {
      room(bytes.length).put(bytes);
    }

    void pad(int multiple) {
      while (buffer.position() % multiple != 0) {
        int8(0);
      }
    }

    ByteBuffer bytes() {
      return buffer.flip();
    }

    private ByteBuffer room(int bytes) {
      if (buffer.remaining() < bytes) {
        int size =
            Math.toIntExact(Math.max(2L * buffer.capacity(), buffer.position() + (long) bytes));
        buffer = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).put(buffer.flip());
      }
      return buffer;
    }
  }

  /** Tells of what goes through. */
  private static final class CountingChannel implements WritableByteChannel {
    private final WritableByteChannel out;
    private final LongConsumer progress;
    private long bytes;

    CountingChannel(WritableByteChannel out, LongConsumer progress) {
      this.out = out;
      this.progress = progress;
    }

    long bytes() {
      return bytes;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      int written = 0;
      while (source.hasRemaining()) {
        written += out.write(source);
      }
      bytes += written;
      progress.accept(written);
      return written;
    }

    @Override
    public boolean isOpen() {
      return out.isOpen();
    }

    @Override
    public void close() {
      throw new UnsupportedOperationException("the file is the writer's to close");
    }
  }
}

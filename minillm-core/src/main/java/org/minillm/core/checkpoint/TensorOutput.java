package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import org.minillm.core.tensor.NotFiniteException;

/**
 * One tensor to be written.
 *
 * @param info what the header will say
 * @param content exactly {@code info.bytes()} bytes
 */
public record TensorOutput(TensorInfo info, TensorContent content) {

  // Refuses nulls.
  public TensorOutput {
    requireNonNull(info, "info");
    requireNonNull(content, "content");
  }

  /**
   * Returns the same tensor, looked through while it is written: that costs no second reading.
   *
   * @return a tensor whose content throws a {@link NotFiniteException} rather than write a number
   *     that is NaN or infinite in float32; this one where its type is not computed with
   */
  public TensorOutput requiringFinite() {
    return info.type().isReadable()
        ? new TensorOutput(info, out -> content.writeTo(new FiniteChannel(out)))
        : this;
  }

  private final class FiniteChannel implements WritableByteChannel {
    private final WritableByteChannel out;
    private final FiniteScan scan = new FiniteScan();

    FiniteChannel(WritableByteChannel out) {
      this.out = out;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      int end = source.limit();
      int written = 0;
      while (source.position() < end) {
        source.limit(Math.min(end, source.position() + TransferBuffers.BYTES));
        if (scan.first(info.type(), source) >= 0) {
          throw new NotFiniteException(
              "%s: a number is NaN, or too large to be written as %s"
                  .formatted(info.name(), info.type()));
        }
        while (source.hasRemaining()) {
          written += out.write(source);
        }
      }
      source.limit(end);
      return written;
    }

    @Override
    public boolean isOpen() {
      return out.isOpen();
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}

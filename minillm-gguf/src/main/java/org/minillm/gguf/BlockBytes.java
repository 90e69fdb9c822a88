package org.minillm.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.minillm.core.checkpoint.Narrowing;
import org.minillm.core.checkpoint.PositionedFile;
import org.minillm.core.checkpoint.StoredTensor;

/** Quantised numbers, read as float16. */
final class BlockBytes implements StoredTensor.Bytes {

  /** Numbers that are decoded at once. */
  private static final int BATCH = 1 << 14;

  private final PositionedFile file;
  private final GgufHeader.Entry tensor;

  BlockBytes(PositionedFile file, GgufHeader.Entry tensor) {
    this.file = file;
    this.tensor = tensor;
  }

  @Override
  public void read(ByteBuffer into, long offset) throws IOException {
    GgufType type = tensor.type();
    float[] numbers = new float[BATCH];
    ByteBuffer blocks =
        ByteBuffer.allocate(BATCH / type.block() * type.blockBytes())
            .order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer target = into.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    long number = offset / Short.BYTES;
    while (target.hasRemaining()) {
      int skipped = (int) (number % type.block());
      int wanted = Math.min(BATCH - skipped, target.remaining() / Short.BYTES);
      int count = (skipped + wanted + type.block() - 1) / type.block();
      blocks.clear().limit(count * type.blockBytes());
      file.read(blocks, tensor.position() + number / type.block() * type.blockBytes());
      blocks.flip();
      for (int i = 0; i < count; i++) {
        BlockDecoder.decode(type, blocks, numbers, i * type.block());
      }
      for (int i = 0; i < wanted; i++) {
        target.putShort(Narrowing.half(numbers[skipped + i]));
      }
      number += wanted;
    }
    into.position(into.limit());
  }
}

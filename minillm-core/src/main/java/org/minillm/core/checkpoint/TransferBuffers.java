package org.minillm.core.checkpoint;

import java.nio.ByteBuffer;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The buffers between file and memory: one a concurrent read, used again and again, so that nothing
 * waits for the garbage collector to give native memory back.
 */
final class TransferBuffers {

  /** A multiple of every element size; large enough for the cost of a system call to vanish. */
  static final int BYTES = 1 << 20;

  private final Queue<ByteBuffer> idle = new ConcurrentLinkedQueue<>();

  ByteBuffer take() {
    ByteBuffer buffer = idle.poll();
    return buffer == null ? ByteBuffer.allocateDirect(BYTES) : buffer.clear();
  }

  void give(ByteBuffer buffer) {
    idle.add(buffer);
  }
}

package org.minillm.gguf;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import org.minillm.core.checkpoint.TensorContent;

/**
 * One tensor to be written.
 *
 * @param name as llama.cpp calls it, such as {@code blk.0.attn_q.weight}
 * @param type of the stored numbers
 * @param shape outermost axis first; the file has it the other way round
 * @param content exactly {@link #bytes()} bytes
 */
record GgufTensor(String name, GgufType type, Shape shape, TensorContent content) {

  // Refuses nulls.
  GgufTensor {
    requireNonNull(name, "name");
    requireNonNull(type, "type");
    requireNonNull(shape, "shape");
    requireNonNull(content, "content");
  }

  long bytes() {
    return type.bytes(shape);
  }
}

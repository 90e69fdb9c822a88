package org.minillm.gguf;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;

/**
 * What a GGUF file says before its numbers.
 *
 * @param metadata keys and values in their order
 * @param tensors in their order
 */
record GgufHeader(ImmutableMap<String, GgufValue> metadata, ImmutableList<Entry> tensors) {

  /**
   * A tensor and where it is.
   *
   * @param name as llama.cpp calls it
   * @param type of the stored numbers
   * @param shape outermost axis first
   * @param position of the first byte in the file
   */
  record Entry(String name, GgufType type, Shape shape, long position) {}
}

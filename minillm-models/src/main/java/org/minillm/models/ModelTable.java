package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A whole model as a table, in the order of the computation.
 *
 * @param embedding the token embedding, (vocab_size, width)
 * @param projectIn from the embedding's width to the residual stream; null where they are equal
 * @param learnedPositions rows to add to the embedding; null where positions enter in attention
 * @param embeddingNorm norm of the embedding; null where there is none
 * @param blocks the layers
 * @param lastNorm norm after the last layer; null where there is none
 * @param projectOut from the residual stream to the width of the head; null where they are equal
 * @param head the language head, (vocab_size, width): the embedding itself where it is tied
 */
record ModelTable(
    Linear.Row embedding,
    Linear.@Nullable Row projectIn,
    @Nullable LearnedPositions learnedPositions,
    Norm.@Nullable Row embeddingNorm,
    ImmutableList<BlockTable> blocks,
    Norm.@Nullable Row lastNorm,
    Linear.@Nullable Row projectOut,
    Linear.Row head) {

  /**
   * Learned positions.
   *
   * @param path module path of the table (length + offset, hidden_size)
   * @param length how many positions there are
   * @param offset the row of position 0
   */
  record LearnedPositions(String path, int length, int offset) {

    String weight() {
      return path + ".weight";
    }
  }

  /**
   * Finds out under which prefix a checkpoint stores the model: with or without the name that the
   * model has within a class with a head.
   *
   * @param stored the checkpoint's tensors
   * @param embedding the embedding's name without the prefix
   * @param prefixes those in use, the usual one first
   * @return the first under which the embedding is stored; the usual one where it is under none
   */
  static String prefix(Map<String, Shape> stored, String embedding, String... prefixes) {
    return Stream.of(prefixes)
        .filter(prefix -> stored.containsKey(prefix + embedding))
        .findFirst()
        .orElse(prefixes[0]);
  }

  ImmutableMap<String, Shape> tensors(int hiddenSize) {
    ImmutableMap.Builder<String, Shape> all = ImmutableMap.builder();
    embedding.addTensors(all);
    if (projectIn != null) {
      projectIn.addTensors(all);
    }
    if (learnedPositions != null) {
      all.put(
          learnedPositions.weight(),
          new Shape((long) learnedPositions.length() + learnedPositions.offset(), hiddenSize));
    }
    if (embeddingNorm != null) {
      embeddingNorm.addTensors(all);
    }
    blocks.forEach(block -> block.addTensors(all));
    if (lastNorm != null) {
      lastNorm.addTensors(all);
    }
    if (projectOut != null) {
      projectOut.addTensors(all);
    }
    if (!head.equals(embedding)) {
      head.addTensors(all);
    }
    return all.buildOrThrow();
  }
}

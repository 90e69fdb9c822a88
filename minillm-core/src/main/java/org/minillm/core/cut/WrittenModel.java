package org.minillm.core.cut;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.runtime.CausalLm;

/**
 * What an {@link Export} writes: a model with all that was decided about it.
 *
 * @param source the dense model, open; its tensors, tokenizer and licence come from there
 * @param layers the shapes that are written, one a layer: those that the plan leaves, or the dense
 *     model's where removed units are zeros
 * @param tensors all tensors of the checkpoint, those that the model does not compute with
 *     included, under the names of the source and in its order; streamed when they are written
 * @param texts further files by name, such as the plan
 * @param facts how the model was made, by name
 */
public record WrittenModel(
    CausalLm source,
    ImmutableList<LayerShape> layers,
    ImmutableList<TensorOutput> tensors,
    ImmutableMap<String, String> texts,
    ImmutableSortedMap<String, String> facts) {

  // Refuses nulls.
  public WrittenModel {
    requireNonNull(source, "source");
    requireNonNull(layers, "layers");
    requireNonNull(tensors, "tensors");
    requireNonNull(texts, "texts");
    requireNonNull(facts, "facts");
  }

  /**
   * Returns how the dense model is described.
   *
   * @return the source's decoder; for the written one's config.json let it {@link Decoder#render}
   *     the layers
   */
  public Decoder decoder() {
    return source.decoder();
  }
}

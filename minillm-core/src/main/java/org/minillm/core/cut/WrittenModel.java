package org.minillm.core.cut;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.TensorInfo;
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

  /** Gives what is written of a tensor of the checkpoint. */
  @FunctionalInterface
  interface Tensors {
    TensorOutput output(TensorInfo tensor) throws IOException;
  }

  /** Lists what is written of every tensor; what the model computes with has to be finite. */
  static ImmutableList<TensorOutput> outputs(CausalLm model, Tensors tensors) throws IOException {
    ImmutableList.Builder<TensorOutput> outputs = ImmutableList.builder();
    for (TensorInfo tensor : model.checkpoint().tensors().values()) {
      TensorOutput output = tensors.output(tensor);
      outputs.add(
          model.decoder().tensors().containsKey(tensor.name()) ? output.requiringFinite() : output);
    }
    return outputs.build();
  }

  /** Refuses a form that cannot say a model. */
  static void requireSayable(Export export, CausalLm model, List<LayerShape> layers)
      throws IOException {
    Optional<String> obstacle = export.obstacle(model, layers);
    checkArgument(obstacle.isEmpty(), "export %s: %s", export.name(), obstacle.orElse(""));
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

package org.minillm.core.cut;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import java.io.IOException;
import java.nio.file.Path;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Writes a model as it is, dense or pruned before, in another form. The tensors are streamed from
 * file to file, and none is ever whole in memory.
 */
public final class CheckpointConverter {

  private final CausalLm model;
  private final Export export;
  private final PassListener listener;

  /**
   * Sets up a conversion.
   *
   * @param model what is to be written
   * @param export the form
   * @param listener is told of the progress, a step a byte
   */
  public CheckpointConverter(CausalLm model, Export export, PassListener listener) {
    this.model = requireNonNull(model, "model");
    this.export = requireNonNull(export, "export");
    this.listener = requireNonNull(listener, "listener");
  }

  /**
   * Forecasts what {@link #write} needs in memory.
   *
   * @return that of the process: nothing is computed
   */
  public MemoryForecast memoryForecast() {
    return MemoryForecast.ofTheProcess();
  }

  /**
   * Writes the model.
   *
   * @param target the folder or file to write
   * @param overwrite whether an existing target is replaced
   * @throws IOException if the checkpoint cannot be read or the target cannot be written
   * @throws IllegalArgumentException if the form cannot say the model, see {@link Export#obstacle}
   */
  public void write(Path target, boolean overwrite) throws IOException {
    requireNonNull(target, "target");
    WrittenModel.requireSayable(export, model, model.config().layers());
    model.requireBudget(memoryForecast());
    try {
      export.write(
          new WrittenModel(
              model,
              model.config().layers(),
              WrittenModel.outputs(
                  model,
                  tensor -> new TensorOutput(tensor, model.checkpoint().content(tensor.name()))),
              ImmutableMap.of(),
              ImmutableSortedMap.copyOf(export.provenance("export"))),
          target,
          overwrite,
          listener);
    } catch (NotFiniteException e) {
      throw model.diagnose(e, ImmutableList.of());
    }
  }
}

package org.minillm.core.cut;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.files.TargetExistsException;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;

/**
 * A form in which a model is written: a plug-in, such as {@code cut}, {@code masked} or {@code
 * gguf}. It gets the tensors as Hugging Face names them, in the sizes that {@link #cuts} asks for,
 * and brings them to a file or folder.
 */
public interface Export extends ConfigurablePlugin<Export> {

  /**
   * Tells whether removed units are gone.
   *
   * @return false where they are zeros instead
   */
  default boolean cuts() {
    return true;
  }

  /**
   * Tells whether MiniLLM opens what is written: it then does, and compares it with the masked
   * model.
   *
   * @return false where it is for other tools alone
   */
  default boolean opens() {
    return true;
  }

  /**
   * Tells whether tensors that the model does not compute with are written, too.
   *
   * @return false where they are left out
   */
  default boolean keepsUnread() {
    return true;
  }

  /**
   * Tells whether what is written is a folder for Hugging Face's tools.
   *
   * @return false where it is for other tools
   */
  default boolean isFolder() {
    return true;
  }

  /**
   * Adds up what the weights take in this form.
   *
   * @param model the dense model
   * @param layers the shapes that are to be written, one a layer
   * @param tensors all tensors of the checkpoint, in the sizes that {@link #cuts} asks for
   * @return bytes
   */
  default long bytes(CausalLm model, List<LayerShape> layers, Collection<TensorInfo> tensors) {
    return tensors.stream().mapToLong(TensorInfo::bytes).sum();
  }

  /**
   * Tells why a model cannot be written in this form. Asked before the work begins, of the dense
   * shapes, and again of those that a plan leaves.
   *
   * @param model the dense model
   * @param layers the shapes that are to be written, one a layer
   * @return the reason in plain words, with the nearest form that can say it; empty where it can be
   *     written
   * @throws IOException if a file that the form reads, such as the tokenizer's, cannot be read
   */
  default Optional<String> obstacle(CausalLm model, List<LayerShape> layers) throws IOException {
    return Optional.empty();
  }

  /**
   * Tells why a release of Hugging Face transformers cannot load what is written.
   *
   * @param loader which release
   * @param model the dense model
   * @param layers the shapes that are written, one a layer
   * @return the reason in plain words; empty where it loads. Unless overridden, that of a folder
   *     without code
   */
  default Optional<String> stockLoaderObstacle(
      StockLoader loader, CausalLm model, List<LayerShape> layers) {
    return model.decoder().stockLoaderObstacle(loader, layers);
  }

  /**
   * Checks that a target could be written, for callers who want to know before long work.
   *
   * @param target where the model is to stand
   * @param overwrite whether one that stands there may be replaced
   * @param source what is read meanwhile; null if there is nothing
   * @throws TargetExistsException if it is there and may not be replaced
   * @throws IOException if it cannot be written; the message says why
   */
  void checkTarget(Path target, boolean overwrite, @Nullable Path source) throws IOException;

  /**
   * Writes a model. The target appears whole or not at all.
   *
   * @param model what is to be written
   * @param target where it is to stand
   * @param overwrite whether one that stands there is replaced
   * @param listener is told of the progress, a step a byte, as the pass {@code write}
   * @throws IOException if a source cannot be read or the target cannot be written
   * @throws IllegalArgumentException if the form cannot say this model, see {@link #obstacle}
   */
  void write(WrittenModel model, Path target, boolean overwrite, PassListener listener)
      throws IOException;
}

package org.minillm.core.cut;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;

/**
 * A Hugging Face folder in which removed units are gone: a smaller model. Where stock loaders
 * cannot take it, because its layers differ in size, it brings the code that they load it with, as
 * {@link HfCodeExport} does. {@code cut}.
 */
public final class CutExport implements Export {

  /** For {@link java.util.ServiceLoader}. */
  public CutExport() {}

  @Override
  public String name() {
    return "cut";
  }

  @Override
  public void checkTarget(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    CheckpointWriter.checkTarget(target, overwrite, source);
  }

  @Override
  public void write(WrittenModel model, Path target, boolean overwrite, PassListener listener)
      throws IOException {
    if (needsCode(model)) {
      new HfCodeExport().write(model, target, overwrite, listener);
    } else {
      HuggingFaceFolder.write(
          model, model.decoder().render(model.layers()), target, overwrite, listener);
    }
  }

  private static boolean needsCode(WrittenModel model) {
    return model.decoder().stockLoaderObstacle(model.layers()).isPresent()
        && model.decoder().codeObstacle(model.layers()).isEmpty();
  }

  /** None where the code comes along. */
  @Override
  public Optional<String> stockLoaderObstacle(
      StockLoader loader, CausalLm model, List<LayerShape> layers) {
    return model.decoder().codeObstacle(layers).isEmpty()
        ? Optional.empty()
        : model.decoder().stockLoaderObstacle(loader, layers);
  }
}

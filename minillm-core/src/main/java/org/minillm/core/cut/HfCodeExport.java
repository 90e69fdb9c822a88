package org.minillm.core.cut;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;

/**
 * A Hugging Face folder in which removed units are gone and which brings the Python code that loads
 * it: layers of different sizes open in Hugging Face transformers with {@code
 * trust_remote_code=True}. Its model_type is its own, so that tools that would take all layers for
 * alike refuse it. {@code hf-code}.
 */
public final class HfCodeExport implements Export {

  /** For {@link java.util.ServiceLoader}. */
  public HfCodeExport() {}

  @Override
  public String name() {
    return "hf-code";
  }

  @Override
  public Optional<String> obstacle(CausalLm model, List<LayerShape> layers) {
    return model
        .decoder()
        .codeObstacle(layers)
        .map(why -> why + "; the form masked has the stock classes");
  }

  @Override
  public Optional<String> stockLoaderObstacle(
      StockLoader loader, CausalLm model, List<LayerShape> layers) {
    return Optional.empty();
  }

  @Override
  public void checkTarget(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    CheckpointWriter.checkTarget(target, overwrite, source);
  }

  @Override
  public void write(WrittenModel model, Path target, boolean overwrite, PassListener listener)
      throws IOException {
    ModelCode code = model.decoder().code(model.layers());
    ImmutableMap<String, String> texts =
        ImmutableMap.<String, String>builder()
            .putAll(model.texts())
            .putAll(code.files())
            .buildOrThrow();
    HuggingFaceFolder.write(
        new WrittenModel(model.source(), model.layers(), model.tensors(), texts, model.facts()),
        code.config(),
        target,
        overwrite,
        listener);
  }
}

package org.minillm.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Option;

/** {@code --export}. */
final class ExportOption {

  @Option(
      names = "--export",
      paramLabel = "FORM",
      defaultValue = "cut",
      converter = OptionTypes.ExportForm.class,
      description =
          "cut: a smaller model. hf-code: the same with the Python code that loads layers of"
              + " different sizes in transformers, with trust_remote_code=True. masked: the same"
              + " function in the dense model's shapes with removed units zeroed, which whatever loads"
              + " the dense model loads. gguf: a file for llama.cpp; settings follow a colon, such as"
              + " gguf:type=q8_0. Default: cut.")
  private Export export = new CutExport();

  /** Chooses a form that the user has not. */
  void choose(String name) {
    export = Plugins.named(Export.class, name);
  }

  Export export() {
    return export;
  }

  /**
   * Refuses a form that cannot say a model, before the work.
   *
   * @param layers shapes as the work will leave them
   * @throws IllegalArgumentException with the reason
   */
  void requireSayable(CausalLm model, List<LayerShape> layers) throws IOException {
    Optional<String> obstacle = export.obstacle(model, layers);
    if (obstacle.isPresent()) {
      throw new IllegalArgumentException("--export " + export.name() + ": " + obstacle.get());
    }
  }

  /** Says which tensors nothing reads, and what became of them. */
  void printUnread(CausalLm model, PrintWriter out) {
    UnreadTensors.words(model)
        .ifPresent(
            words ->
                out.println("note: " + (export.keepsUnread() ? "copied, " : "left out, ") + words));
  }
}

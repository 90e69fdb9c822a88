package org.minillm.cli;

import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
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
              + " the dense model loads. Default: cut.")
  private Export export = new CutExport();

  Export export() {
    return export;
  }
}

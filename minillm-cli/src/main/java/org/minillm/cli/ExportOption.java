package org.minillm.cli;

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
          "${COMPLETION-CANDIDATES}: a smaller model; or the same function in the dense model's"
              + " shapes with removed units zeroed, which whatever loads the dense model loads.")
  private Export export = Export.CUT;

  Export export() {
    return export;
  }
}

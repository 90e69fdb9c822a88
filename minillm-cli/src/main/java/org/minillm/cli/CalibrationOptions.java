package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import org.minillm.demo.DemoData;
import picocli.CommandLine.Option;

/** The text that a model reads while it is measured and restored. */
final class CalibrationOptions {

  /** How the text that comes with the program is called in plans. */
  private static final String EMBEDDED = "WikiText-2";

  private static final int DEFAULT_SAMPLES = 128;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "UTF-8 text that the model reads meanwhile: best some hundred kilobytes of what it will"
              + " be used on. Default: 150 kB of WikiText-2 that come with the program.")
  private @Nullable Path text;

  @Option(
      names = "--samples",
      paramLabel = "N",
      converter = OptionTypes.Count.class,
      description =
          "Calibration windows, evenly spaced over the text. Default: 128, or as many as a shorter"
              + " text has.")
  private @Nullable Integer samples;

  @Option(
      names = "--window",
      paramLabel = "T",
      defaultValue = "128",
      converter = OptionTypes.Window.class,
      description = "Tokens a calibration window.")
  private int window;

  /** Reads the text with the model's tokenizer. */
  CalibrationSet read(CausalLm model) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      return read(tokenizer, text, samples, window);
    }
  }

  /**
   * Reads a calibration text.
   *
   * @param text null for the one that comes with the program
   * @param samples windows; null for 128, or as many as a shorter text has
   * @param window tokens a window
   */
  static CalibrationSet read(
      Tokenizer tokenizer, @Nullable Path text, @Nullable Integer samples, int window)
      throws IOException {
    int[] tokens =
        text == null ? tokenizer.encode(DemoData.calibrationText()) : tokenizer.encodeFile(text);
    String source = text == null ? EMBEDDED : text.getFileName().toString();
    int wanted =
        samples == null ? Math.max(1, Math.min(DEFAULT_SAMPLES, tokens.length / window)) : samples;
    return CalibrationSet.evenlySpaced(source, tokens, wanted, window);
  }
}

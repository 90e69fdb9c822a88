package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;
import picocli.CommandLine.Option;

/** The text that a model reads while it is measured and restored. */
final class CalibrationOptions {

  /** How the text that comes with the program is called in plans. */
  private static final String EMBEDDED = "WikiText-2";

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
      converter = OptionTypes.Window.class,
      description = "Tokens a calibration window. Default: 128.")
  private @Nullable Integer window;

  /**
   * Reads the text with the model's tokenizer.
   *
   * @param recipe says how much of it, where the user does not
   */
  CalibrationSet read(CausalLm model, PruningRecipe recipe) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokens(tokenizer, text);
      int length = window == null ? recipe.windowTokens() : window;
      return samples == null
          ? recipe.toBuilder()
              .calibration(recipe.windows(), length)
              .build()
              .calibrationSet(source(text), tokens)
          : CalibrationSet.evenlySpaced(source(text), tokens, samples, length);
    }
  }

  /** Forecasts what reading the text takes. */
  MemoryForecast memoryForecast() throws IOException {
    return memoryForecast(text);
  }

  /** Forecasts what {@link #tokens} takes. */
  static MemoryForecast memoryForecast(@Nullable Path text) throws IOException {
    return text == null ? MemoryForecast.ofTheProcess() : Tokenizer.memoryForecast(text);
  }

  /** Tokenises a calibration text; null for the one that comes with the program. */
  static int[] tokens(Tokenizer tokenizer, @Nullable Path text) throws IOException {
    return text == null ? tokenizer.encode(DemoData.calibrationText()) : tokenizer.encodeFile(text);
  }

  /** How a calibration text is called in plans. */
  static String source(@Nullable Path text) {
    return text == null ? EMBEDDED : text.getFileName().toString();
  }
}

package org.minillm.gguf;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.CacheType;
import de.kherud.llama.args.LogFormat;
import de.kherud.llama.args.PoolingType;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * llama.cpp with a file of ours. Its build is b4916 (March 2025). It prints where it was unpacked
 * and what it loads: none of that is for the log of a build.
 */
final class LlamaCpp implements AutoCloseable {

  static {
    load();
  }

  private final LlamaModel model;

  private LlamaCpp(LlamaModel model) {
    this.model = model;
  }

  /** Unpacks the library into a folder of ours: it deletes what of it is in there. */
  private static void load() {
    PrintStream out = System.out;
    try {
      Path folder = Files.createDirectories(Path.of("target/llama").toAbsolutePath());
      System.setProperty("de.kherud.llama.tmpdir", folder.toString());
      System.setOut(
          new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
      LlamaModel.setLogger(LogFormat.TEXT, (level, message) -> {});
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } finally {
      System.setOut(out);
    }
  }

  private static ModelParameters parameters(Path file) {
    return new ModelParameters()
        .setModel(file.toString())
        .setCtxSize(256)
        .setThreads(1)
        .setCacheTypeK(CacheType.F32)
        .setCacheTypeV(CacheType.F32)
        .skipWarmup()
        .disableLog();
  }

  /** Opens a model that continues texts. */
  static LlamaCpp open(Path file) {
    return new LlamaCpp(new LlamaModel(parameters(file)));
  }

  /** Opens a model that tells its last hidden state: what the language head reads. */
  static LlamaCpp openForStates(Path file) {
    return new LlamaCpp(
        new LlamaModel(parameters(file).enableEmbedding().setPoolingType(PoolingType.LAST)));
  }

  int[] encode(String text) {
    return model.encode(text);
  }

  /** Continues a text by the likeliest token, so many times. */
  String continued(String prompt, int tokens) {
    StringBuilder text = new StringBuilder();
    InferenceParameters parameters =
        new InferenceParameters(prompt)
            .setNPredict(tokens)
            .setTemperature(0)
            .setRepeatPenalty(1)
            .setCachePrompt(false)
            .setIgnoreEos(true);
    for (LlamaOutput piece : model.generate(parameters)) {
      text.append(piece);
    }
    return text.toString();
  }

  /** The normed state after the last token, brought to length 1. */
  float[] lastState(String text) {
    return model.embed(text);
  }

  @Override
  public void close() {
    model.close();
  }
}

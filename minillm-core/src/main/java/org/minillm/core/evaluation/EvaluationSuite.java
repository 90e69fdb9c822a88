package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Streams;
import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;

/**
 * The texts and tasks that models are measured on, all in the same way, so that the results
 * compare.
 *
 * @param texts UTF-8 files whose perplexity is measured
 * @param tasks task files, see {@link TaskItem#read}
 * @param limit items of each task file to ask at most
 * @param window tokens a window of a text
 * @param maxWindows windows of each text to read at most, from its start
 */
public record EvaluationSuite(
    ImmutableList<Path> texts, ImmutableList<Path> tasks, int limit, int window, int maxWindows) {

  // Two files of one name would give two results of one name.
  public EvaluationSuite {
    requireNonNull(texts, "texts");
    requireNonNull(tasks, "tasks");
    Map<String, Path> named = new HashMap<>();
    for (Path file : Streams.concat(texts.stream(), tasks.stream()).toList()) {
      Path other = named.putIfAbsent(nameOf(file), file);
      checkArgument(other == null, "%s and %s would both be called %s", other, file, nameOf(file));
    }
  }

  /**
   * What one model reached.
   *
   * @param parameters of the model, a tied head counted once
   * @param bytes of its weight files
   * @param texts one a text of the suite
   * @param tasks one a task file of the suite
   */
  public record Result(
      long parameters,
      long bytes,
      ImmutableList<Perplexity> texts,
      ImmutableList<MultipleChoice> tasks) {

    // Refuses nulls.
    public Result {
      requireNonNull(texts, "texts");
      requireNonNull(tasks, "tasks");
    }
  }

  /**
   * Returns what the result of a file is called in reports: its name without folder and extension,
   * in snake_case, {@code wikitext2_test} for {@code data/WikiText2.test.txt}.
   *
   * @param file a text or a task file
   * @return lower-case letters, digits and single underscores, a letter first
   */
  public static String nameOf(Path file) {
    requireNonNull(file, "file");
    String name =
        Ascii.toLowerCase(MoreFiles.getNameWithoutExtension(file))
            .replaceAll("[^a-z0-9]+", "_")
            .replaceAll("^_|_$", "");
    return name.matches("[a-z].*") ? name : "file_" + name;
  }

  /**
   * Measures a model.
   *
   * @param model the model; read only
   * @param listener told of the progress
   * @return the results, in the order of the suite
   * @throws IOException if the checkpoint or a file cannot be read
   * @throws IllegalArgumentException if a text does not fill one window
   */
  public Result measure(CausalLm model, PassListener listener) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      return measure(model, tokens(tokenizer), listener);
    }
  }

  /**
   * Tokenises the texts, which takes longer than to measure a small model on their first windows:
   * once is enough for all models of one tokenizer.
   *
   * @param tokenizer of the models
   * @return of each text, which is tokenised whole, the tokens that are read
   * @throws IOException if a text cannot be read
   */
  public ImmutableList<int[]> tokens(Tokenizer tokenizer) throws IOException {
    ImmutableList.Builder<int[]> tokens = ImmutableList.builder();
    for (Path text : texts) {
      long read = (long) window * maxWindows;
      int[] whole = tokenizer.encodeFile(text);
      tokens.add(Arrays.copyOf(whole, (int) Math.min(whole.length, read)));
    }
    return tokens.build();
  }

  /**
   * Forecasts what the measurements need in memory, one after the other; each reserves its own.
   *
   * @param model the model
   * @return those of each file of the suite
   * @throws IOException if a file cannot be read
   */
  public ImmutableList<MemoryForecast> memoryForecasts(CausalLm model) throws IOException {
    ImmutableList.Builder<MemoryForecast> forecasts = ImmutableList.builder();
    for (Path text : texts) {
      forecasts.add(Tokenizer.memoryForecast(text));
      forecasts.add(Perplexity.memoryForecast(model, window, maxWindows));
    }
    if (!tasks.isEmpty()) {
      try (Tokenizer tokenizer = model.tokenizer()) {
        for (Path task : tasks) {
          forecasts.add(
              MultipleChoice.memoryForecast(
                  model, tokenizer, nameOf(task), TaskItem.read(task, limit)));
        }
      }
    }
    return forecasts.build();
  }

  /**
   * Measures a model on texts that were tokenised before.
   *
   * @param model the model; read only
   * @param tokens what {@link #tokens} returned for a model with the same tokenizer
   * @param listener told of the progress
   * @return the results, in the order of the suite
   * @throws IOException if the checkpoint or a file cannot be read
   * @throws IllegalArgumentException if a text does not fill one window
   */
  public Result measure(CausalLm model, List<int[]> tokens, PassListener listener)
      throws IOException {
    ImmutableList.Builder<Perplexity> perplexities = ImmutableList.builder();
    for (int i = 0; i < texts.size(); i++) {
      perplexities.add(
          Perplexity.measure(
              model, texts.get(i).toString(), tokens.get(i), window, maxWindows, listener));
    }
    ImmutableList.Builder<MultipleChoice> answers = ImmutableList.builder();
    if (!tasks.isEmpty()) {
      try (Tokenizer tokenizer = model.tokenizer()) {
        for (Path task : tasks) {
          answers.add(
              MultipleChoice.measure(
                  model, tokenizer, nameOf(task), TaskItem.read(task, limit), listener));
        }
      }
    }
    return new Result(
        model.parameters(), model.checkpoint().bytes(), perplexities.build(), answers.build());
  }
}

package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.TokenReader;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Continues prompts. Keys and values of the tokens before are kept, so that a new token costs one
 * token's work. Prompts of one length run together.
 */
public final class Generation {

  private final CausalLm model;
  private final Sampling sampling;
  private final int maxNewTokens;
  private final Set<Integer> stopTokens;

  /**
   * Sets up a generation.
   *
   * @param model the model; read only
   * @param sampling how the next token is chosen
   * @param maxNewTokens a text ends after that many, or where the model has no position for the
   *     next one
   * @param stopTokens a text ends after one of these, which is part of the result
   */
  public Generation(CausalLm model, Sampling sampling, int maxNewTokens, Set<Integer> stopTokens) {
    requireNonNull(model, "model");
    requireNonNull(sampling, "sampling");
    requireNonNull(stopTokens, "stopTokens");
    checkArgument(maxNewTokens > 0, "max new tokens %s: expected at least 1", maxNewTokens);
    this.model = model;
    this.sampling = sampling;
    this.maxNewTokens = maxNewTokens;
    this.stopTokens = stopTokens;
  }

  /** Shown the tokens as they come. */
  @FunctionalInterface
  public interface TokenListener {

    /** Sees nothing. */
    TokenListener NONE = (prompt, token) -> {};

    /**
     * A token was chosen.
     *
     * @param prompt the number of the prompt that it continues
     * @param token its id
     */
    void accept(int prompt, int token);
  }

  /**
   * Continues prompts.
   *
   * @param prompts at least one token id each
   * @param listener shown every new token as it comes
   * @return the new tokens of every prompt
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if a prompt has no token, or more than the model has
   *     positions, or the memory budget of the model cannot be kept
   */
  public ImmutableList<int[]> run(List<int[]> prompts, TokenListener listener) throws IOException {
    model.reserve(memoryForecast(prompts));
    int[][] results = new int[prompts.size()][];
    for (List<Integer> numbers : byLength(prompts).values()) {
      List<Text> texts = numbers.stream().map(i -> new Text(i, prompts.get(i))).toList();
      extend(texts, listener);
      texts.forEach(text -> results[text.number] = Ints.toArray(text.added));
    }
    return ImmutableList.copyOf(results);
  }

  /**
   * Forecasts what {@link #run} needs in memory; it reserves it.
   *
   * @param prompts at least one token id each
   * @return the forecast of the model, with keys and values of the prompts that run together
   */
  public MemoryForecast memoryForecast(List<int[]> prompts) {
    return byLength(prompts).entrySet().stream()
        .map(
            together -> {
              long length = together.getKey();
              return TokenReader.memoryForecast(
                  model, together.getValue().size(), length, capacity(together.getKey()));
            })
        .max(Comparator.comparingLong(MemoryForecast::smallestBudget))
        .orElseGet(model::memoryForecast);
  }

  /** The numbers of the prompts of each length. */
  private Map<Integer, List<Integer>> byLength(List<int[]> prompts) {
    Map<Integer, List<Integer>> byLength = new TreeMap<>();
    for (int i = 0; i < prompts.size(); i++) {
      checkArgument(prompts.get(i).length > 0, "prompt %s has no token", i + 1);
      checkArgument(
          prompts.get(i).length <= model.config().maxPositions(),
          "prompt %s has %s tokens, but the model has %s positions (max_position_embeddings); use a"
              + " shorter one",
          i + 1,
          prompts.get(i).length,
          model.config().maxPositions());
      byLength.computeIfAbsent(prompts.get(i).length, any -> new ArrayList<>()).add(i);
    }
    return byLength;
  }

  /** One prompt and what was added to it. */
  private static final class Text {
    private final int number;
    private final int[] prompt;
    private final List<Integer> added = new ArrayList<>();
    private boolean ended;

    Text(int number, int[] prompt) {
      this.number = number;
      this.prompt = prompt;
    }

    int[] tokens() {
      return Ints.concat(prompt, Ints.toArray(added));
    }
  }

  private void extend(List<Text> texts, TokenListener listener) throws IOException {
    int prompt = texts.get(0).prompt.length;
    int capacity = capacity(prompt);
    try (TokenReader reader = new TokenReader(model, capacity)) {
      float[][] logits = reader.read(texts.stream().map(text -> text.prompt).toArray(int[][]::new));
      for (int step = 0; ; step++) {
        int[][] next = new int[texts.size()][];
        for (int row = 0; row < next.length; row++) {
          next[row] = new int[] {choose(texts.get(row), logits[row], step, listener)};
        }
        if (step + 1 == maxNewTokens
            || prompt + step == capacity
            || texts.stream().allMatch(text -> text.ended)) {
          return;
        }
        logits = reader.read(next);
      }
    } catch (NotFiniteException e) {
      throw model.diagnose(e, texts.stream().map(Text::tokens).toList());
    }
  }

  /** Counts the tokens of a text, as far as the model has positions for them. */
  private int capacity(int prompt) {
    return (int) Math.min((long) prompt + maxNewTokens, model.config().maxPositions());
  }

  /** A text that has ended is read on with its last token, and what follows is not looked at. */
  private int choose(Text text, float[] logits, int step, TokenListener listener) {
    if (text.ended) {
      return text.added.get(text.added.size() - 1);
    }
    int token = sampling.choose(logits, text.number, step);
    text.added.add(token);
    text.ended = stopTokens.contains(token);
    listener.accept(text.number, token);
    return token;
  }
}

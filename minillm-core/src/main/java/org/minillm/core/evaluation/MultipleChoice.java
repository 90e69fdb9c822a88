package org.minillm.core.evaluation;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;

/**
 * Multiple choice and classification, in the way of EleutherAI's lm-evaluation-harness: the answer
 * is the choice with the largest log P(choice | context) ({@code acc}), or with the largest
 * log-likelihood divided by the length of the choice in characters ({@code acc_norm}; code points,
 * a leading space not counted). Of a context that is longer than the model's positions the end is
 * read.
 *
 * @param task its name
 * @param items what the model answered, in the order of the questions
 */
public record MultipleChoice(String task, ImmutableList<Answered> items) {

  // Refuses nulls.
  public MultipleChoice {
    requireNonNull(task, "task");
    requireNonNull(items, "items");
  }

  /**
   * What the model made of one question.
   *
   * @param logLikelihoods one a choice, in nats
   * @param prediction the choice with the largest one; of equal ones the first
   * @param predictionNormalised the choice with the largest one a character
   * @param answer the right choice
   * @param isCut whether the start of a context was left away, since the model has not positions
   *     for all of it
   */
  public record Answered(
      ImmutableDoubleArray logLikelihoods,
      int prediction,
      int predictionNormalised,
      int answer,
      boolean isCut) {

    // Refuses nulls.
    public Answered {
      requireNonNull(logLikelihoods, "logLikelihoods");
    }
  }

  /**
   * Asks a model.
   *
   * @param model the model; read only
   * @param tokenizer the model's tokenizer
   * @param task a name for the record and for messages
   * @param items the questions
   * @param listener told of the progress, a step a choice
   * @return the answers
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if the memory budget of the model cannot be kept
   */
  public static MultipleChoice measure(
      CausalLm model, Tokenizer tokenizer, String task, List<TaskItem> items, PassListener listener)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(tokenizer, "tokenizer");
    requireNonNull(task, "task");
    requireNonNull(items, "items");
    requireNonNull(listener, "listener");
    List<Continuation> requests = requests(model, tokenizer, task, items);
    listener.passStarted(task, requests.size());
    double[] scores = ContinuationScores.logLikelihoods(model, requests, listener);
    listener.passDone();
    ImmutableList.Builder<Answered> answered = ImmutableList.builder();
    int first = 0;
    for (TaskItem item : items) {
      int choices = item.contexts().size();
      answered.add(
          answered(
              item,
              Arrays.copyOfRange(scores, first, first + choices),
              requests.subList(first, first + choices)));
      first += choices;
    }
    return new MultipleChoice(task, answered.build());
  }

  /**
   * Forecasts what {@link #measure} needs in memory; it reserves it.
   *
   * @param model the model
   * @param tokenizer the model's tokenizer
   * @param task a name for messages
   * @param items the questions
   * @return the forecast of the model, with the hidden states of a pass
   */
  public static MemoryForecast memoryForecast(
      CausalLm model, Tokenizer tokenizer, String task, List<TaskItem> items) {
    requireNonNull(model, "model");
    requireNonNull(tokenizer, "tokenizer");
    requireNonNull(task, "task");
    requireNonNull(items, "items");
    return ContinuationScores.memoryForecast(model, requests(model, tokenizer, task, items));
  }

  private static List<Continuation> requests(
      CausalLm model, Tokenizer tokenizer, String task, List<TaskItem> items) {
    List<Continuation> requests = new ArrayList<>();
    for (int i = 0; i < items.size(); i++) {
      TaskItem item = items.get(i);
      String where = task + ", item " + (i + 1);
      for (int c = 0; c < item.contexts().size(); c++) {
        requests.add(
            Continuation.of(tokenizer, item.contexts().get(c), item.continuations().get(c), where)
                .fitting(model.config().maxPositions(), where));
      }
    }
    return requests;
  }

  private static Answered answered(TaskItem item, double[] scores, List<Continuation> requests) {
    double[] normalised = new double[scores.length];
    Arrays.setAll(normalised, c -> scores[c] / characters(item.continuations().get(c)));
    return new Answered(
        ImmutableDoubleArray.copyOf(scores),
        largest(scores),
        largest(normalised),
        item.answer(),
        requests.stream().anyMatch(Continuation::isCut));
  }

  private static int characters(String choice) {
    String counted = choice.startsWith(" ") ? choice.substring(1) : choice;
    return Math.max(1, counted.codePointCount(0, counted.length()));
  }

  private static int largest(double[] values) {
    return IntStream.range(0, values.length)
        .reduce((best, i) -> values[i] > values[best] ? i : best)
        .orElseThrow();
  }

  /**
   * Counts the questions whose contexts were too long for the model.
   *
   * @return those of which the end was read
   */
  public long cutItems() {
    return items.stream().filter(Answered::isCut).count();
  }

  /**
   * Returns the accuracy.
   *
   * @return between 0 and 1
   */
  public double accuracy() {
    return share(items.stream().filter(item -> item.prediction() == item.answer()).count());
  }

  /**
   * Returns the accuracy by log-likelihood a character.
   *
   * @return between 0 and 1
   */
  public double accuracyNormalised() {
    return share(
        items.stream().filter(item -> item.predictionNormalised() == item.answer()).count());
  }

  private double share(long right) {
    return (double) right / items.size();
  }

  /**
   * Returns the standard error of an accuracy over these items.
   *
   * @param accuracy one of the two
   * @return sqrt(p (1 - p) / (n - 1)), as lm-evaluation-harness has it
   */
  public double standardError(double accuracy) {
    return Math.sqrt(accuracy * (1 - accuracy) / Math.max(1, items.size() - 1));
  }
}

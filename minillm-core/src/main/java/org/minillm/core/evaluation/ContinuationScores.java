package org.minillm.core.evaluation;

import static com.google.common.collect.ImmutableList.toImmutableList;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.LanguageHead;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;

/**
 * Reads continuations of contexts: how likely they are, and which tokens would have been the most
 * likely instead. What the model reads is read once, however many continuations ask for it (all
 * one-token choices of a question share it), longest first, in batches of about equal length; a
 * shorter row is padded on the right, where a causal model does not look. Logits are computed at
 * the scored positions only.
 */
final class ContinuationScores {

  private static final int PADDING = 0;

  private final CausalLm model;
  private final List<Continuation> requests;
  private final PassListener listener;

  private ContinuationScores(CausalLm model, List<Continuation> requests, PassListener listener) {
    this.model = model;
    this.requests = requests;
    this.listener = listener;
  }

  /**
   * Returns log P(continuation | context) of each request, the sum over its tokens, in nats. A step
   * of the listener is a request.
   */
  static double[] logLikelihoods(CausalLm model, List<Continuation> requests, PassListener listener)
      throws IOException {
    double[] scores = new double[requests.size()];
    new ContinuationScores(model, requests, listener)
        .read(
            (batches, predictions) -> {
              List<double[]> losses = new LanguageHead(model).negativeLogLikelihoods(predictions);
              for (int i = 0; i < losses.size(); i++) {
                double[] ofBatch = losses.get(i);
                batches
                    .get(i)
                    .forEachPosition(
                        requests, (asker, t, position) -> scores[asker] -= ofBatch[position]);
              }
            });
    return scores;
  }

  /**
   * Returns for each token of each continuation the most likely token in its place, of equally
   * likely ones the lowest id. A step of the listener is a request.
   */
  static List<int[]> mostLikely(CausalLm model, List<Continuation> requests, PassListener listener)
      throws IOException {
    List<int[]> chosen =
        requests.stream().map(request -> new int[request.continuation().length]).toList();
    new ContinuationScores(model, requests, listener)
        .read(
            (batches, predictions) -> {
              for (int i = 0; i < batches.size(); i++) {
                int[] ofBatch = new LanguageHead(model).mostLikely(predictions.get(i).hidden());
                batches
                    .get(i)
                    .forEachPosition(
                        requests, (asker, t, position) -> chosen.get(asker)[t] = ofBatch[position]);
              }
            });
    return chosen;
  }

  /** Takes what the language head is to read for some batches. */
  private interface Reader {
    void read(List<Batch> batches, List<LanguageHead.Predictions> predictions) throws IOException;
  }

  private void read(Reader reader) throws IOException {
    long tokensPerSweep = Sweep.tokensPerSweep(model);
    List<Batch> sweep = new ArrayList<>();
    long tokens = 0;
    for (Batch batch : batches()) {
      if (!sweep.isEmpty() && tokens + batch.tokens() > tokensPerSweep) {
        sweep(sweep, reader);
        sweep = new ArrayList<>();
        tokens = 0;
      }
      sweep.add(batch);
      tokens += batch.tokens();
    }
    sweep(sweep, reader);
  }

  /** Rows of about equal length; {@code askers} are the numbers of the requests of each row. */
  private record Batch(List<int[]> rows, List<List<Integer>> askers) {

    long tokens() {
      return (long) rows.size() * rows.get(0).length;
    }

    /** Goes over the positions that the language head reads, in their order. */
    void forEachPosition(List<Continuation> requests, PositionConsumer consumer) {
      int position = 0;
      for (List<Integer> ofRow : askers) {
        for (int asker : ofRow) {
          for (int t = 0; t < requests.get(asker).continuation().length; t++) {
            consumer.accept(asker, t, position++);
          }
        }
      }
    }
  }

  /** Sees that a position predicts token t of the continuation of a request. */
  private interface PositionConsumer {
    void accept(int asker, int t, int position);
  }

  private List<Batch> batches() {
    Map<ImmutableIntArray, List<Integer>> askers = new LinkedHashMap<>();
    for (int i = 0; i < requests.size(); i++) {
      askers
          .computeIfAbsent(
              ImmutableIntArray.copyOf(requests.get(i).input()), any -> new ArrayList<>())
          .add(i);
    }
    List<ImmutableIntArray> inputs =
        askers.keySet().stream()
            .sorted(Comparator.comparingInt(ImmutableIntArray::length).reversed())
            .collect(toImmutableList());
    List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < inputs.size(); ) {
      int length = inputs.get(from).length();
      int to = Math.min(inputs.size(), from + Math.max(1, Sweep.TOKENS_PER_BATCH / length));
      List<ImmutableIntArray> rows = inputs.subList(from, to);
      batches.add(
          new Batch(
              rows.stream().map(row -> padded(row, length)).toList(),
              rows.stream().map(askers::get).toList()));
      from = to;
    }
    return batches;
  }

  private static int[] padded(ImmutableIntArray row, int length) {
    int[] padded = new int[length];
    Arrays.fill(padded, PADDING);
    System.arraycopy(row.toArray(), 0, padded, 0, row.length());
    return padded;
  }

  private void sweep(List<Batch> batches, Reader reader) throws IOException {
    try (Sweep sweep = new Sweep(model);
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      List<Sweep.Strand> strands = new ArrayList<>();
      for (Batch batch : batches) {
        strands.add(sweep.add(batch.rows, WeightTransform.NONE, InputTap.NONE));
      }
      sweep.run(layer -> {});
      List<LanguageHead.Predictions> predictions = new ArrayList<>();
      for (int i = 0; i < batches.size(); i++) {
        predictions.add(predictions(batches.get(i), sweep.normed(strands.get(i)).get(0)));
      }
      reader.read(batches, predictions);
    }
    batches.stream()
        .flatMap(batch -> batch.askers.stream())
        .forEach(askers -> listener.stepsDone(askers.size()));
  }

  private LanguageHead.Predictions predictions(Batch batch, NDArray normed) {
    long time = normed.getShape().get(1);
    long width = normed.getShape().get(2);
    List<Integer> positions = new ArrayList<>();
    List<Integer> targets = new ArrayList<>();
    for (int row = 0; row < batch.rows.size(); row++) {
      for (int asker : batch.askers.get(row)) {
        Continuation request = requests.get(asker);
        int first = Math.toIntExact(row * time) + request.context().length - 1;
        for (int t = 0; t < request.continuation().length; t++) {
          positions.add(first + t);
          targets.add(request.continuation()[t]);
        }
      }
    }
    NDArray index =
        normed
            .getManager()
            .create(
                positions.stream().mapToLong(Integer::longValue).toArray(),
                new Shape(positions.size()));
    return new LanguageHead.Predictions(
        normed.reshape(-1, width).get(index), Ints.toArray(targets));
  }
}

package org.minillm.core.evaluation;

import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableIntArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.runtime.ResidualStream;

/**
 * Rows of one context each, with all its continuations behind it, which see the context and not
 * each other: a context is read once. Its last token predicts the first of each continuation, so
 * that a continuation reads all but its last token, and one of a single token nothing. Rows are
 * padded on the right to the longest beside them.
 *
 * @param rows token ids, all of one length
 * @param layout where they stand and what they see
 * @param predictions which tokens of the requests are predicted where
 */
record PackedBatch(List<int[]> rows, TokenLayout layout, List<Prediction> predictions) {

  /**
   * Where a token is predicted.
   *
   * @param asker the number of the request
   * @param token the number of the token in its continuation
   * @param at of the flattened hidden states
   */
  record Prediction(int asker, int token, int at) {}

  /** Packs requests, the longest rows first, so that rows of about one length stand together. */
  static List<PackedBatch> of(List<Continuation> requests) {
    Map<ImmutableIntArray, List<Integer>> askers = new LinkedHashMap<>();
    for (int i = 0; i < requests.size(); i++) {
      ImmutableIntArray context = ImmutableIntArray.copyOf(requests.get(i).context());
      askers.computeIfAbsent(context, any -> new ArrayList<>()).add(i);
    }
    List<Row> rows =
        askers.values().stream()
            .map(together -> new Row(requests, together))
            .sorted(Comparator.comparingInt((Row row) -> row.length).reversed())
            .toList();
    List<PackedBatch> batches = new ArrayList<>();
    for (int from = 0; from < rows.size(); ) {
      int most = Math.max(1, ResidualStream.TOKENS_PER_BATCH / rows.get(from).length);
      int to = Math.min(rows.size(), from + most);
      batches.add(of(rows.subList(from, to), rows.get(from).length));
      from = to;
    }
    return batches;
  }

  private static PackedBatch of(List<Row> rows, int length) {
    List<Prediction> predictions = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      for (Prediction inRow : rows.get(i).predictions) {
        predictions.add(new Prediction(inRow.asker, inRow.token, i * length + inRow.at));
      }
    }
    return new PackedBatch(
        Lists.transform(rows, row -> Arrays.copyOf(row.ids, length)),
        new TokenLayout(
            0,
            rows.stream().map(row -> Arrays.copyOf(row.positions, length)).toArray(int[][]::new),
            rows.stream().map(row -> row.paddedBranches(length)).toArray(int[][]::new)),
        predictions);
  }

  /** Counts the tokens of a row, padding included. */
  int length() {
    return layout.length();
  }

  /** Counts what goes through the decoder, padding included. */
  long tokens() {
    return (long) rows.size() * layout.length();
  }

  /** Counts the requests: each has one first token. */
  long requests() {
    return predictions.stream().filter(prediction -> prediction.token == 0).count();
  }

  /** A context and what its continuations read. */
  private static final class Row {
    private final List<Prediction> predictions = new ArrayList<>();
    private final int length;
    private final int[] ids;
    private final int[] positions;
    private final int[] branches;

    Row(List<Continuation> requests, List<Integer> askers) {
      int[] context = requests.get(askers.get(0)).context();
      length =
          context.length
              + askers.stream().mapToInt(i -> requests.get(i).continuation().length - 1).sum();
      ids = Arrays.copyOf(context, length);
      positions = new int[length];
      Arrays.setAll(positions, i -> i);
      branches = new int[length];
      int end = context.length;
      for (int branch = 1; branch <= askers.size(); branch++) {
        int asker = askers.get(branch - 1);
        int[] continuation = requests.get(asker).continuation();
        predictions.add(new Prediction(asker, 0, context.length - 1));
        for (int token = 1; token < continuation.length; token++, end++) {
          ids[end] = continuation[token - 1];
          positions[end] = context.length + token - 1;
          branches[end] = branch;
          predictions.add(new Prediction(asker, token, end));
        }
      }
    }

    int[] paddedBranches(int padded) {
      int[] result = Arrays.copyOf(branches, padded);
      Arrays.fill(result, length, padded, TokenLayout.PADDING);
      return result;
    }
  }
}

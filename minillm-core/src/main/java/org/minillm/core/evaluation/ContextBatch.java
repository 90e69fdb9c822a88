package org.minillm.core.evaluation;

import com.google.common.primitives.ImmutableIntArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.model.ContextSweep;
import org.minillm.core.model.Sweep;

/**
 * Contexts of one length and their continuations. The last token of a context predicts the first of
 * each of its continuations, so that a continuation of one token has nothing more to read; one of
 * more reads all but its last, padded on the right to the longest beside it, where a causal model
 * does not look.
 *
 * @param contexts token ids, all of one length
 * @param firstTokens which rows of the contexts predict the first token of which request
 * @param branches what the longer continuations read
 * @param furtherTokens for each of the branches, which of its rows predict which other token
 */
record ContextBatch(
    List<int[]> contexts,
    List<Position> firstTokens,
    List<ContextSweep.Branches> branches,
    List<List<Position>> furtherTokens) {

  /**
   * Keys and values that the continuations of one batch see at most. They are copied for each
   * continuation, and have a fraction of the size of what else a token takes in a block.
   */
  private static final int KEYS_PER_BATCH = 2 * Sweep.TOKENS_PER_BATCH;

  /**
   * Padding of one batch of continuations at most: about what one batch more costs, in tokens of a
   * small model.
   */
  private static final int PADDING_PER_BATCH = 64;

  /**
   * Where a token is predicted.
   *
   * @param asker the number of the request
   * @param token the number of the token in its continuation
   * @param row of the flattened hidden states
   */
  record Position(int asker, int token, int row) {}

  /** Puts requests with one context together, and contexts of one length, longest first. */
  static List<ContextBatch> of(List<Continuation> requests) {
    Map<ImmutableIntArray, List<Integer>> askers = new LinkedHashMap<>();
    for (int i = 0; i < requests.size(); i++) {
      askers
          .computeIfAbsent(
              ImmutableIntArray.copyOf(requests.get(i).context()), any -> new ArrayList<>())
          .add(i);
    }
    List<ImmutableIntArray> contexts =
        askers.keySet().stream()
            .sorted(Comparator.comparingInt(ImmutableIntArray::length).reversed())
            .toList();
    List<ContextBatch> batches = new ArrayList<>();
    for (int from = 0; from < contexts.size(); ) {
      int length = contexts.get(from).length();
      int limit = Math.min(contexts.size(), from + Math.max(1, Sweep.TOKENS_PER_BATCH / length));
      int to = from + 1;
      while (to < limit && contexts.get(to).length() == length) {
        to++;
      }
      List<ImmutableIntArray> together = contexts.subList(from, to);
      batches.add(batch(requests, together, together.stream().map(askers::get).toList()));
      from = to;
    }
    return batches;
  }

  /** A request whose continuation has tokens to read, and the number of its context. */
  private record Longer(int context, int asker, int[] read) {}

  private static ContextBatch batch(
      List<Continuation> requests, List<ImmutableIntArray> contexts, List<List<Integer>> askers) {
    int length = contexts.get(0).length();
    List<Position> first = new ArrayList<>();
    List<Longer> longer = new ArrayList<>();
    for (int context = 0; context < contexts.size(); context++) {
      for (int asker : askers.get(context)) {
        first.add(new Position(asker, 0, (context + 1) * length - 1));
        int[] continuation = requests.get(asker).continuation();
        if (continuation.length > 1) {
          longer.add(
              new Longer(context, asker, Arrays.copyOf(continuation, continuation.length - 1)));
        }
      }
    }
    longer.sort(Comparator.comparingInt((Longer it) -> it.read.length).reversed());
    List<ContextSweep.Branches> branches = new ArrayList<>();
    List<List<Position>> further = new ArrayList<>();
    for (int from = 0; from < longer.size(); ) {
      int time = longer.get(from).read.length;
      int to = end(longer, from, KEYS_PER_BATCH / (length + time));
      List<Longer> together = longer.subList(from, to);
      branches.add(
          new ContextSweep.Branches(
              ImmutableIntArray.copyOf(together.stream().mapToInt(Longer::context)),
              together.stream().map(it -> Arrays.copyOf(it.read, time)).toList()));
      further.add(positions(together, time));
      from = to;
    }
    return new ContextBatch(
        contexts.stream().map(ImmutableIntArray::toArray).toList(), first, branches, further);
  }

  /** Returns the end of a batch that begins with the longest; every batch has one row at least. */
  private static int end(List<Longer> longer, int from, int mostRows) {
    int time = longer.get(from).read.length;
    int padding = 0;
    int to = from + 1;
    while (to < longer.size() && to - from < mostRows) {
      padding += time - longer.get(to).read.length;
      if (padding > PADDING_PER_BATCH) {
        break;
      }
      to++;
    }
    return to;
  }

  private static List<Position> positions(List<Longer> rows, int time) {
    List<Position> positions = new ArrayList<>();
    for (int row = 0; row < rows.size(); row++) {
      for (int t = 0; t < rows.get(row).read.length; t++) {
        positions.add(new Position(rows.get(row).asker, t + 1, row * time + t));
      }
    }
    return positions;
  }

  /** Counts what goes through the decoder, padding included. */
  long tokens() {
    long tokens = (long) contexts.size() * contexts.get(0).length;
    for (ContextSweep.Branches branch : branches) {
      tokens += (long) branch.rows().size() * branch.rows().get(0).length;
    }
    return tokens;
  }
}

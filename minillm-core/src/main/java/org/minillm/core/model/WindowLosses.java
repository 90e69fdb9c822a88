package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.minillm.core.tensor.NotFiniteException;

/** Scores every next token of the windows of strands that have passed all layers. */
final class WindowLosses {

  private final CausalLm model;

  WindowLosses(CausalLm model) {
    this.model = model;
  }

  /**
   * Frees the hidden states of the strands. The language head is read once; where the streams wait
   * in a file, once for each micro-batch, which is less to read than all of them for each part of
   * the head.
   */
  List<double[]> of(List<Strand> strands) throws IOException {
    LanguageHead head = new LanguageHead(model);
    List<LanguageHead.Predictions> batches = new ArrayList<>();
    List<double[]> tokens = new ArrayList<>();
    boolean alone = strands.stream().anyMatch(strand -> strand.stream().isSpilled());
    try (NDManager owner = model.newManager()) {
      for (Strand strand : strands) {
        checkArgument(strand.length() > 1, "a window of 1 token predicts nothing");
        ResidualStream stream = strand.stream();
        List<List<int[]>> windows = Lists.partition(strand.windows(), strand.rowsPerBatch());
        stream.forEach(
            (batch, hidden, scratch) -> {
              LanguageHead.Predictions predictions =
                  predictions(windows.get(batch), hidden, alone ? scratch : owner);
              if (alone) {
                tokens.addAll(head.negativeLogLikelihoods(List.of(predictions)));
              } else {
                batches.add(predictions);
              }
            });
        stream.close();
      }
      List<double[]> means = means(strands, alone ? tokens : head.negativeLogLikelihoods(batches));
      for (int i = 0; i < means.size(); i++) {
        requireFinite(strands.get(i), means.get(i));
      }
      return means;
    }
  }

  /** Who changed the weights looks at the losses himself: they may be too much changed. */
  private void requireFinite(Strand strand, double[] losses) throws IOException {
    for (double loss : losses) {
      if (strand.readsStoredWeights() && !Double.isFinite(loss)) {
        throw model.diagnose(
            new NotFiniteException("the loss of a window is " + loss), strand.windows());
      }
    }
  }

  /** All positions of a micro-batch but the last of each window. */
  private LanguageHead.Predictions predictions(List<int[]> windows, NDArray hidden, NDManager owner)
      throws IOException {
    int predicted = windows.get(0).length - 1;
    int[] targets =
        windows.stream().flatMapToInt(window -> Arrays.stream(window, 1, window.length)).toArray();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray normed = model.decoder().finalHidden(model.checkpoint()::read, hidden);
      NDArray positions = normed.get(":, :" + predicted).reshape(-1, normed.getShape().get(2));
      NDScope.unregister(positions);
      positions.attach(owner);
      return new LanguageHead.Predictions(positions, targets);
    }
  }

  private static List<double[]> means(List<Strand> strands, List<double[]> batches) {
    Iterator<double[]> tokens = batches.iterator();
    List<double[]> results = new ArrayList<>();
    for (Strand strand : strands) {
      double[] means = new double[strand.windows().size()];
      for (int first = 0; first < means.length; first += strand.rowsPerBatch()) {
        putMeans(tokens.next(), strand.length() - 1, means, first);
      }
      results.add(means);
    }
    return results;
  }

  private static void putMeans(double[] tokens, int perWindow, double[] means, int first) {
    for (int w = 0; w < tokens.length / perWindow; w++) {
      double sum = 0;
      for (int t = 0; t < perWindow; t++) {
        sum += tokens[w * perWindow + t];
      }
      means[first + w] = sum / perWindow;
    }
  }
}

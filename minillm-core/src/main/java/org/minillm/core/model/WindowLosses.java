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

/** Scores every next token of the windows of strands that have passed all layers. */
final class WindowLosses {

  private final CausalLm model;

  WindowLosses(CausalLm model) {
    this.model = model;
  }

  /** Reads the language head once, and frees the hidden states of the strands. */
  List<double[]> of(List<Sweep.Strand> strands) throws IOException {
    List<LanguageHead.Predictions> batches = new ArrayList<>();
    try (NDManager owner = model.newManager()) {
      for (Sweep.Strand strand : strands) {
        checkArgument(strand.length() > 1, "a window of 1 token predicts nothing");
        addPredictions(strand, owner, batches);
        strand.free();
      }
      return means(strands, new LanguageHead(model).negativeLogLikelihoods(batches));
    }
  }

  /** All positions of a strand but the last of each window. */
  private void addPredictions(
      Sweep.Strand strand, NDManager owner, List<LanguageHead.Predictions> batches)
      throws IOException {
    Iterator<List<int[]>> windows =
        Lists.partition(strand.windows(), strand.rowsPerBatch()).iterator();
    int predicted = strand.length() - 1;
    for (NDArray hidden : strand.hidden()) {
      int[] targets =
          windows.next().stream()
              .flatMapToInt(window -> Arrays.stream(window, 1, window.length))
              .toArray();
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray normed = model.decoder().finalHidden(model.checkpoint()::read, hidden);
        NDArray positions = normed.get(":, :" + predicted).reshape(-1, normed.getShape().get(2));
        NDScope.unregister(positions);
        positions.attach(owner);
        batches.add(new LanguageHead.Predictions(positions, targets));
      }
    }
  }

  private static List<double[]> means(List<Sweep.Strand> strands, List<double[]> batches) {
    Iterator<double[]> tokens = batches.iterator();
    List<double[]> results = new ArrayList<>();
    for (Sweep.Strand strand : strands) {
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

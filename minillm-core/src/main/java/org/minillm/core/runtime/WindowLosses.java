package org.minillm.core.runtime;

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

/** Scores every next token of the windows of streams that have passed all layers. */
final class WindowLosses {

  private final CausalLm model;

  WindowLosses(CausalLm model) {
    this.model = model;
  }

  /**
   * Frees the hidden states of the streams. The language head is read once; where the streams wait
   * in a file, once for each micro-batch, which is less to read than all of them for each part of
   * the head.
   */
  List<double[]> of(List<ResidualStream> streams) throws IOException {
    LanguageHead head = new LanguageHead(model);
    List<LanguageHead.Predictions> batches = new ArrayList<>();
    List<double[]> tokens = new ArrayList<>();
    boolean alone = streams.stream().anyMatch(ResidualStream::isSpilled);
    try (NDManager owner = model.newManager()) {
      for (ResidualStream stream : streams) {
        checkArgument(stream.layout().length() > 1, "a window of 1 token predicts nothing");
        List<List<int[]>> windows = Lists.partition(stream.windows(), stream.rowsPerBatch());
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
      return means(streams, alone ? tokens : head.negativeLogLikelihoods(batches));
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

  private static List<double[]> means(List<ResidualStream> streams, List<double[]> batches) {
    Iterator<double[]> tokens = batches.iterator();
    List<double[]> results = new ArrayList<>();
    for (ResidualStream stream : streams) {
      double[] means = new double[stream.windows().size()];
      for (int first = 0; first < means.length; first += stream.rowsPerBatch()) {
        putMeans(tokens.next(), stream.layout().length() - 1, means, first);
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

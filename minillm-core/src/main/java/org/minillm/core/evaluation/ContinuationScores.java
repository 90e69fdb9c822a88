package org.minillm.core.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Reads continuations of contexts: how likely they are, and which tokens would have been the most
 * likely instead. A context is read once, however many continuations it has; a continuation reads
 * its own tokens but the last. Logits are computed at the scored positions only.
 */
final class ContinuationScores {

  /**
   * Hidden states, and of the positions that are scored what is gathered of them, put together and
   * normed: of as many as there are tokens, at most.
   */
  private static final int STREAMS = 4;

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
            (positions, predictions) -> {
              List<double[]> losses = new LanguageHead(model).negativeLogLikelihoods(predictions);
              for (int i = 0; i < losses.size(); i++) {
                List<PackedBatch.Prediction> read = positions.get(i);
                for (int p = 0; p < read.size(); p++) {
                  scores[read.get(p).asker()] -= requireFinite(losses.get(i)[p]);
                }
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
            (positions, predictions) -> {
              for (int i = 0; i < positions.size(); i++) {
                int[] best = new LanguageHead(model).mostLikely(predictions.get(i).hidden());
                List<PackedBatch.Prediction> read = positions.get(i);
                for (int p = 0; p < read.size(); p++) {
                  chosen.get(read.get(p).asker())[read.get(p).token()] = best[p];
                }
              }
            });
    return chosen;
  }

  private static double requireFinite(double loss) {
    if (!Double.isFinite(loss)) {
      throw new NotFiniteException("the loss of a token is " + loss);
    }
    return loss;
  }

  /** Takes what the language head is to read, and for whom. */
  private interface Reader {
    void read(
        List<List<PackedBatch.Prediction>> positions, List<LanguageHead.Predictions> predictions)
        throws IOException;
  }

  /** Forecasts what reading some requests needs in memory; it is reserved when they are read. */
  static MemoryForecast memoryForecast(CausalLm model, List<Continuation> requests) {
    List<PackedBatch> batches = PackedBatch.of(requests);
    long longest = batches.stream().mapToLong(PackedBatch::length).max().orElse(1);
    List<List<PackedBatch>> passes = passes(model, batches);
    return forecast(
        model,
        longest,
        passes.stream().mapToLong(ContinuationScores::tokens).max().orElse(0),
        passes.stream().mapToLong(together -> positionBytes(model, together)).max().orElse(0));
  }

  private static long positionBytes(CausalLm model, List<PackedBatch> together) {
    return together.stream()
        .mapToLong(batch -> model.decoder().positionBytes(batch.rows().size(), batch.length()))
        .sum();
  }

  /**
   * Forecasts the same of requests that are not known yet.
   *
   * @param longest tokens of the longest context with its continuations
   * @param all tokens of all of them
   */
  static MemoryForecast memoryForecast(CausalLm model, long longest, long all) {
    long rows = rowsPerBatch(longest);
    long tokens = Math.min(all, Math.max(ForwardPass.tokensAtOnce(model), rows * longest));
    long batches = 1 + tokens / (rows * longest);
    return forecast(model, longest, tokens, batches * model.decoder().positionBytes(rows, longest));
  }

  private static MemoryForecast forecast(
      CausalLm model, long longest, long tokens, long positionBytes) {
    long rows = rowsPerBatch(longest);
    return model
        .memoryForecast(rows, longest)
        // what the head reads is gathered of batches until it is one, and then is almost two
        .plus(
            STREAMS * tokens * model.config().hiddenSize() * Float.BYTES
                + positionBytes
                + LanguageHead.workingBytes(rows * longest));
  }

  private static long rowsPerBatch(long longest) {
    return Math.max(1, ResidualStream.TOKENS_PER_BATCH / longest);
  }

  private void read(Reader reader) throws IOException {
    model.reserve(memoryForecast(model, requests));
    for (List<PackedBatch> together : passes(model, PackedBatch.of(requests))) {
      run(together, reader);
    }
  }

  /** As many batches together as a pass should carry, at least one. */
  private static List<List<PackedBatch>> passes(CausalLm model, List<PackedBatch> batches) {
    long tokensAtOnce = ForwardPass.tokensAtOnce(model);
    List<List<PackedBatch>> passes = new ArrayList<>();
    List<PackedBatch> together = new ArrayList<>();
    for (PackedBatch batch : batches) {
      if (!together.isEmpty() && tokens(together) + batch.tokens() > tokensAtOnce) {
        passes.add(together);
        together = new ArrayList<>();
      }
      together.add(batch);
    }
    passes.add(together);
    return passes;
  }

  private static long tokens(List<PackedBatch> together) {
    return together.stream().mapToLong(PackedBatch::tokens).sum();
  }

  private void run(List<PackedBatch> batches, Reader reader) throws IOException {
    try (ForwardPass pass = new ForwardPass(model);
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      List<ResidualStream> streams = new ArrayList<>();
      for (PackedBatch batch : batches) {
        streams.add(pass.addPacked(batch.rows(), batch.layout()));
      }
      pass.run();
      Gathered gathered = new Gathered();
      for (int i = 0; i < batches.size(); i++) {
        gathered.add(batches.get(i).predictions(), streams.get(i).hidden().get(0));
      }
      gathered.finish();
      reader.read(gathered.positions, gathered.predictions);
    } catch (NotFiniteException e) {
      throw model.diagnose(e, texts(batches));
    }
    batches.forEach(batch -> listener.stepsDone(batch.requests()));
  }

  private List<int[]> texts(List<PackedBatch> batches) {
    return batches.stream()
        .flatMap(batch -> batch.predictions().stream())
        .map(PackedBatch.Prediction::asker)
        .distinct()
        .map(requests::get)
        .map(request -> Ints.concat(request.context(), request.continuation()))
        .toList();
  }

  /** What the language head is to read of many small batches, put together into few large ones. */
  private final class Gathered {
    private final List<List<PackedBatch.Prediction>> positions = new ArrayList<>();
    private final List<LanguageHead.Predictions> predictions = new ArrayList<>();
    private List<PackedBatch.Prediction> pending = new ArrayList<>();
    private NDList hidden = new NDList();

    void add(List<PackedBatch.Prediction> added, NDArray stream) throws IOException {
      long[] rows = added.stream().mapToLong(PackedBatch.Prediction::at).toArray();
      NDArray index = stream.getManager().create(rows, new Shape(rows.length));
      hidden.add(stream.reshape(-1, stream.getShape().get(2)).get(index));
      pending.addAll(added);
      if (pending.size() >= ResidualStream.TOKENS_PER_BATCH) {
        finish();
      }
    }

    void finish() throws IOException {
      if (pending.isEmpty()) {
        return;
      }
      int[] targets =
          pending.stream()
              .mapToInt(it -> requests.get(it.asker()).continuation()[it.token()])
              .toArray();
      NDArray rows = NDArrays.concat(hidden);
      NDArray normed =
          model
              .decoder()
              .finalHidden(model.checkpoint()::read, rows.reshape(1, -1, rows.getShape().get(1)));
      predictions.add(
          new LanguageHead.Predictions(normed.reshape(-1, normed.getShape().get(2)), targets));
      positions.add(pending);
      pending = new ArrayList<>();
      hidden = new NDList();
    }
  }
}

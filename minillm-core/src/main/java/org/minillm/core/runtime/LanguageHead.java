package org.minillm.core.runtime;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.Floats;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Turns the last hidden states into logits, a chunk of the vocabulary at a time, so that neither
 * the head nor the logits of a batch are ever whole in memory (250,880 x 4,096 float32 are 4 GB).
 */
public final class LanguageHead {

  private static final int CHUNK_BYTES = 4 << 20;
  private static final int LOGITS_COPIES = 3;

  /**
   * A chunk of a head that stays: few tokens make few logits of it, and one large product is worth
   * waking all threads for.
   */
  private static final int KEPT_CHUNK_BYTES = 64 << 20;

  private final CausalLm model;
  private final String tensor;
  private final int vocabulary;
  private int chunkRows;
  private final List<NDArray> kept = new ArrayList<>();

  /**
   * Opens the head of a model.
   *
   * @param model the model
   */
  public LanguageHead(CausalLm model) {
    requireNonNull(model, "model");
    this.model = model;
    this.tensor = model.decoder().headTensor();
    Shape shape = shape();
    this.vocabulary = Math.toIntExact(shape.get(0));
    long widest = Math.max(shape.get(1), ResidualStream.TOKENS_PER_BATCH);
    this.chunkRows = rows(CHUNK_BYTES, widest);
  }

  /**
   * Forecasts a chunk of the head, and the logits of some tokens against it with two temporary
   * copies.
   *
   * @param tokens whose logits are computed together
   * @return bytes
   */
  public static long workingBytes(long tokens) {
    long logits = tokens * (CHUNK_BYTES / ResidualStream.TOKENS_PER_BATCH);
    return CHUNK_BYTES + LOGITS_COPIES * logits;
  }

  private Shape shape() {
    return requireNonNull(model.decoder().tensors().get(tensor));
  }

  private int rows(int bytes, long width) {
    return (int) Math.min(vocabulary, bytes / (Float.BYTES * width));
  }

  /** Sees the logits of some rows of the vocabulary. */
  @FunctionalInterface
  public interface LogitsSink {

    /**
     * Takes a chunk.
     *
     * @param logits FLOAT32, (tokens, chunk); gone after the call
     * @param firstId the vocabulary row of the first column
     * @throws IOException if the logits are to be written and cannot be
     */
    void accept(NDArray logits, int firstId) throws IOException;
  }

  /**
   * Computes logits.
   *
   * @param hidden FLOAT32, (tokens, width)
   * @param sink shown chunk after chunk of the vocabulary, ascending
   * @throws IOException if the head cannot be read
   */
  public void logits(NDArray hidden, LogitsSink sink) throws IOException {
    for (int from = 0; from < vocabulary; from += chunkRows) {
      try (NDManager scratch = model.newManager()) {
        NDArray rows = readRows(from, scratch);
        try (NDScope scope = new NDScope()) {
          scope.suppressNotUsedWarning();
          sink.accept(hidden.matMul(rows.transpose()), from);
        }
      }
    }
  }

  /**
   * Finds the most likely token of each position.
   *
   * @param hidden FLOAT32, (positions, width): what the head reads
   * @return token ids, one a position; of equally likely ones the lowest
   * @throws IOException if the head cannot be read
   * @throws NotFiniteException if a logit is not finite
   */
  public int[] mostLikely(NDArray hidden) throws IOException {
    int positions = Math.toIntExact(hidden.getShape().get(0));
    int[] best = new int[positions];
    float[] largest = new float[positions];
    Arrays.fill(largest, Float.NEGATIVE_INFINITY);
    logits(
        hidden,
        (logits, firstId) -> {
          float[] values = HostMemory.floatArray(logits);
          int chunk = values.length / positions;
          for (int i = 0; i < values.length; i++) {
            int position = i / chunk;
            if (!Float.isFinite(values[i])) {
              throw new NotFiniteException("a logit is " + values[i]);
            }
            if (values[i] > largest[position]) {
              largest[position] = values[i];
              best[position] = firstId + i % chunk;
            }
          }
        });
    return best;
  }

  /**
   * Keeps the head in memory from now on, for those who ask for the logits of few tokens many
   * times.
   *
   * @param owner where its float32 copy hangs
   * @throws IOException if the head cannot be read
   */
  void keep(NDManager owner) throws IOException {
    chunkRows = rows(KEPT_CHUNK_BYTES, shape().get(1));
    for (int from = 0; from < vocabulary; from += chunkRows) {
      kept.add(load(from, owner));
    }
  }

  /**
   * Gathers rows of any matrix: from memory where it is the head, as a tied embedding, and kept.
   *
   * @return FLOAT32, (rows, width), on {@code owner}
   */
  NDArray gather(String matrix, int[] rows, NDManager owner) throws IOException {
    if (kept.isEmpty() || !matrix.equals(tensor)) {
      return model.checkpoint().gatherRows(matrix, rows, owner);
    }
    int width = Math.toIntExact(kept.get(0).getShape().get(1));
    NDArray gathered = owner.create(new Shape(rows.length, width), DataType.FLOAT32);
    HostMemory.fill(
        gathered,
        target -> {
          for (int row : rows) {
            FloatBuffer chunk = HostMemory.floats(kept.get(row / chunkRows));
            target.put(chunk.slice(row % chunkRows * width, width));
          }
        });
    return gathered;
  }

  private NDArray readRows(int from, NDManager scratch) throws IOException {
    return kept.isEmpty() ? load(from, scratch) : kept.get(from / chunkRows);
  }

  private NDArray load(int from, NDManager owner) throws IOException {
    int to = Math.min(vocabulary, from + chunkRows);
    return model.checkpoint().readRows(tensor, from, to, owner);
  }

  /**
   * Some positions and the tokens that they are to predict.
   *
   * @param hidden FLOAT32, (positions, width): what the head reads
   * @param targets one token id a position
   */
  public record Predictions(NDArray hidden, int[] targets) {

    // Refuses nulls.
    public Predictions {
      requireNonNull(hidden, "hidden");
      requireNonNull(targets, "targets");
    }
  }

  /**
   * Scores tokens. The head is read once for all batches; the log-sum-exp runs over the chunks in
   * double.
   *
   * @param batches positions and their tokens
   * @return for every batch -log P of its tokens, in nats
   * @throws IOException if the head cannot be read
   */
  public List<double[]> negativeLogLikelihoods(List<Predictions> batches) throws IOException {
    List<Running> running = batches.stream().map(Running::new).toList();
    forEachChunk(
        (rows, from) -> {
          NDArray transposed = rows.transpose();
          for (Running batch : running) {
            batch.accumulate(transposed, from);
          }
        });
    return running.stream().map(Running::negativeLogLikelihoods).toList();
  }

  /**
   * Differentiates the summed score of some tokens. The head is read twice, a chunk of the
   * vocabulary at a time.
   *
   * @param batch positions and their tokens
   * @return FLOAT32, of the shape of {@code batch.hidden()} and on its manager: the gradient of the
   *     sum of -log P by the hidden states, (softmax(logits) - one-hot(targets)) times the head
   * @throws IOException if the head cannot be read
   */
  public NDArray negativeLogLikelihoodGradient(Predictions batch) throws IOException {
    Running running = new Running(batch);
    forEachChunk((rows, from) -> running.accumulate(rows.transpose(), from));
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray hidden = batch.hidden();
      NDManager owner = hidden.getManager();
      NDArray logSumExp = owner.create(running.logSumExp(), new Shape(batch.targets().length, 1));
      NDArray gradient = hidden.zerosLike();
      forEachChunk(
          (rows, from) -> {
            try (NDScope chunk = new NDScope()) {
              chunk.suppressNotUsedWarning();
              NDArray probabilities = hidden.matMul(rows.transpose()).subi(logSumExp).exp();
              gradient.addi(probabilities.matMul(rows));
            }
          });
      gradient.subi(model.checkpoint().gatherRows(tensor, batch.targets(), owner));
      NDScope.unregister(gradient);
      return gradient;
    }
  }

  /** Works with some rows of the head. */
  private interface ChunkTask {
    void run(NDArray rows, int firstId);
  }

  private void forEachChunk(ChunkTask task) throws IOException {
    for (int from = 0; from < vocabulary; from += chunkRows) {
      try (NDManager scratch = model.newManager()) {
        task.run(readRows(from, scratch), from);
      }
    }
  }

  /** What is known of the logits of one batch after some chunks of the vocabulary. */
  private static final class Running {
    private final NDArray hidden;
    private final int[] targets;
    private final double[] logSumExp;
    private final double[] targetLogits;

    Running(Predictions batch) {
      hidden = batch.hidden();
      targets = batch.targets();
      logSumExp = new double[targets.length];
      Arrays.fill(logSumExp, Double.NEGATIVE_INFINITY);
      targetLogits = new double[targets.length];
    }

    void accumulate(NDArray transposedRows, int firstId) {
      int chunk = Math.toIntExact(transposedRows.getShape().get(1));
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray logits = hidden.matMul(transposedRows);
        // one fused kernel: the log-sum-exp of a row is any logit minus its log-softmax
        NDArray logSoftmax = logits.logSoftmax(1);
        NDArray index =
            logits
                .getManager()
                .create(clampedTargets(firstId, chunk), new Shape(targets.length, 1));
        float[] anyLogit = HostMemory.floatArray(logits.get(":, 0"));
        float[] itsLogSoftmax = HostMemory.floatArray(logSoftmax.get(":, 0"));
        float[] targetLogSoftmax = HostMemory.floatArray(logSoftmax.gather(index, 1));
        for (int i = 0; i < targets.length; i++) {
          double chunkLogSumExp = (double) anyLogit[i] - itsLogSoftmax[i];
          logSumExp[i] = logAdd(logSumExp[i], chunkLogSumExp);
          if (targets[i] >= firstId && targets[i] < firstId + chunk) {
            targetLogits[i] = targetLogSoftmax[i] + chunkLogSumExp;
          }
        }
      }
    }

    private long[] clampedTargets(int firstId, int chunk) {
      long[] index = new long[targets.length];
      for (int i = 0; i < index.length; i++) {
        index[i] = Math.max(0, Math.min(chunk - 1, targets[i] - firstId));
      }
      return index;
    }

    double[] negativeLogLikelihoods() {
      double[] nll = new double[targets.length];
      for (int i = 0; i < nll.length; i++) {
        nll[i] = logSumExp[i] - targetLogits[i];
      }
      return nll;
    }

    float[] logSumExp() {
      return Floats.toArray(Doubles.asList(logSumExp));
    }

    private static double logAdd(double a, double b) {
      double larger = Math.max(a, b);
      return larger == Double.NEGATIVE_INFINITY
          ? larger
          : larger + Math.log1p(Math.exp(Math.min(a, b) - larger));
    }
  }
}

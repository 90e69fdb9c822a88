package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Reads sequences a few tokens at a time and says what comes next. Keys and values of the tokens
 * read are kept, so that each is computed once. Owns native memory: close it.
 *
 * <p>It is no {@link Pass}: its layers stay open from token to token where they fit, it reads
 * caches that grow, and one token is so little work that what a pass does around a layer would take
 * as long.
 */
public final class TokenReader implements AutoCloseable {

  /** In the engine and in Java, as they are computed and as they are handed out. */
  private static final int LOGITS_COPIES = 4;

  private final CausalLm model;
  private final NDManager manager;
  private final LanguageHead head;

  /** What stands before the first layer and after the last, read once: norms, mostly. */
  private final LayerWeights ends;

  private final List<KeyValueCache> caches = new ArrayList<>();
  private final List<OpenLayer> kept = new ArrayList<>();
  private int length;

  /**
   * Begins with empty sequences.
   *
   * @param model the model; used by one reader or pass at a time
   * @param capacity tokens that will be read at most
   * @throws IOException if the model fits into memory, which {@link CausalLm#reserve} finds out,
   *     and cannot be read
   */
  public TokenReader(CausalLm model, int capacity) throws IOException {
    requireNonNull(model, "model");
    this.model = model;
    this.manager = model.newManager();
    this.head = new LanguageHead(model);
    this.ends =
        new LayerWeights(
            model.checkpoint()::read, ImmutableSet.of(), manager.newSubManager(), true);
    int layers = model.config().layers().size();
    for (int layer = 0; layer < layers; layer++) {
      caches.add(new KeyValueCache(capacity, manager));
    }
    if (model.keepsHead()) {
      head.keep(manager);
      keepLayers();
    }
  }

  /**
   * Forecasts a reader: the first tokens, keys and values of all, and logits. Where the budget has
   * room, all layers and the language head stay in memory.
   *
   * @param model the model
   * @param rows sequences
   * @param first tokens of each that are read together at the beginning
   * @param capacity tokens that will be read at most
   * @return the forecast
   */
  public static MemoryForecast memoryForecast(
      CausalLm model, long rows, long first, long capacity) {
    requireNonNull(model, "model");
    ModelConfig config = model.config();
    long tokens = rows * capacity;
    long ofAToken = 0;
    long largest = 0;
    for (LayerShape layer : config.layers()) {
      long keysAndValues = 2L * layer.keyValueHeads() * config.headDim() * Float.BYTES;
      ofAToken += keysAndValues;
      largest = Math.max(largest, keysAndValues);
    }
    long logits = LOGITS_COPIES * rows * config.vocabSize() * Float.BYTES;
    return model
        .memoryForecast(rows, first)
        // those of the layer at work once more, on their way through a product
        .plus(tokens * (ofAToken + largest) + logits)
        .withHead(model.elements(model.decoder().headTensor()) * Float.BYTES);
  }

  /** Opens all layers: for a single token, opening one would take as long as half of its work. */
  private void keepLayers() throws IOException {
    try (LayerWalk walk = walk()) {
      for (int layer = 0; layer < caches.size(); layer++) {
        try (LayerWeights weights = walk.next()) {
          kept.add(new OpenLayer(model, layer, weights, WeightTransform.NONE, manager));
        }
      }
    }
  }

  /**
   * Reads the next tokens of every sequence.
   *
   * @param ids token ids, (batch, time); the same batch every time
   * @return the logits of the token after, (batch) times (vocabulary)
   * @throws IOException if a layer cannot be read
   * @throws IllegalArgumentException if an id is not in the vocabulary or the capacity is exceeded
   * @throws NotFiniteException if a logit is not finite
   */
  public float[][] read(int[][] ids) throws IOException {
    for (int[] row : ids) {
      checkArgument(row.length > 0, "no token to read");
    }
    try (NDManager scratch = model.newManager()) {
      int tokens = ids.length * ids[0].length;
      NDArray hidden = EngineThreads.forLayers(model, tokens, () -> runLayers(ids, scratch));
      length += ids[0].length;
      NDArray last = ids[0].length == 1 ? hidden : hidden.get(":, -1:");
      NDArray normed = model.decoder().finalHidden(ends, last);
      return logits(normed.reshape(ids.length, -1), ids.length);
    }
  }

  private NDArray runLayers(int[][] ids, NDManager scratch) throws IOException {
    TokenLayout layout = TokenLayout.following(length, ids[0].length);
    NDArray hidden = model.embed(Arrays.asList(ids), layout, head::gather, ends, scratch);
    Positions positions = model.decoder().positions(layout, scratch);
    for (int layer = 0; layer < kept.size(); layer++) {
      hidden = kept.get(layer).forward(hidden, positions, caches.get(layer), BlockTap.NONE);
    }
    return kept.isEmpty() ? runReadLayers(hidden, positions, scratch) : hidden;
  }

  private NDArray runReadLayers(NDArray embedded, Positions positions, NDManager scratch)
      throws IOException {
    NDArray hidden = embedded;
    try (LayerWalk walk = walk()) {
      for (int layer = 0; layer < caches.size(); layer++) {
        try (LayerWeights weights = walk.next();
            OpenLayer open = new OpenLayer(model, layer, weights, WeightTransform.NONE, scratch)) {
          hidden = open.forward(hidden, positions, caches.get(layer), BlockTap.NONE);
        }
      }
    }
    return hidden;
  }

  private LayerWalk walk() {
    return new LayerWalk(0, caches.size(), model.readsAhead(), model::layer);
  }

  private float[][] logits(NDArray hidden, int batch) throws IOException {
    float[][] result = new float[batch][model.config().vocabSize()];
    head.logits(
        hidden,
        (logits, firstId) -> {
          float[] values = requireFinite(HostMemory.floatArray(logits));
          int chunk = values.length / batch;
          for (int row = 0; row < batch; row++) {
            System.arraycopy(values, row * chunk, result[row], firstId, chunk);
          }
        });
    return result;
  }

  private static float[] requireFinite(float[] logits) {
    for (float logit : logits) {
      if (!Float.isFinite(logit)) {
        throw new NotFiniteException("a logit is " + logit);
      }
    }
    return logits;
  }

  /** Frees the keys and values. */
  @Override
  public void close() {
    manager.close();
  }
}

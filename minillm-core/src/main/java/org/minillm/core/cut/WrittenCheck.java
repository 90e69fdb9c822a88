package org.minillm.core.cut;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.plan.CutTable;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.PassRunner;

/**
 * Opens what was written and compares it with the masked model: the same function, computed from
 * the dense model's files in the dense model's shapes.
 */
final class WrittenCheck {

  private static final int TOKENS = 32;

  /** A large prime: numbers that jump through the vocabulary. */
  private static final long STRIDE = 7_919;

  private final CausalLm model;
  private final CutTable table;
  private final Function<String, Optional<TensorOutput>> restored;
  private final int[] tokens;

  /**
   * Prepares it.
   *
   * @param window of a text that the model knows, of which the beginning is read; none for tokens
   *     of no sense
   */
  WrittenCheck(
      CausalLm model,
      CutTable table,
      Function<String, Optional<TensorOutput>> restored,
      Optional<int[]> window) {
    this.model = model;
    this.table = table;
    this.restored = restored;
    int count = Math.min(TOKENS, model.config().maxPositions());
    this.tokens =
        window
            .map(ids -> Arrays.copyOf(ids, Math.min(count, ids.length)))
            .orElseGet(
                () ->
                    IntStream.range(0, count)
                        .map(i -> (int) (i * STRIDE % model.config().vocabSize()))
                        .toArray());
  }

  /** Tells whether the memory budget has room for it, which a cut alone does not need. */
  boolean fits() {
    return model.memoryForecast(tokens.length).shortfall(model.budget(), "").isEmpty();
  }

  /**
   * Computes both. The dense model's layers leave the memory before the written one's come.
   *
   * @param target what was written
   * @return the largest difference of a logit of the last token
   * @throws IOException if it does not open
   */
  double largestDifference(Path target) throws IOException {
    model.reserve(model.memoryForecast(tokens.length));
    float[] expected;
    try (MaskedPass masked = new MaskedPass(model, table, restored, List.of(tokens))) {
      expected = logits(model, masked);
    }
    model.forgetLayers();
    try (CausalLm written = CausalLm.open(target, model.budget(), model.compute());
        ForwardPass pass = new ForwardPass(written)) {
      pass.add(List.of(tokens), WeightTransform.NONE, BlockTap.NONE);
      float[] found = logits(written, pass);
      return IntStream.range(0, expected.length)
          .mapToDouble(i -> Math.abs(expected[i] - found[i]))
          .max()
          .orElse(0);
    }
  }

  private static float[] logits(CausalLm model, Pass pass) throws IOException {
    new PassRunner(model).run(pass);
    float[] all = new float[model.config().vocabSize()];
    for (NDArray hidden : pass.streams().get(0).hidden()) {
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray normed = model.decoder().finalHidden(model.checkpoint()::read, hidden);
        long last = normed.getShape().get(1) - 1;
        new LanguageHead(model)
            .logits(
                normed.get(":, " + last),
                (logits, firstId) -> {
                  float[] chunk = logits.toFloatArray();
                  System.arraycopy(chunk, 0, all, firstId, chunk.length);
                });
      }
    }
    return all;
  }
}

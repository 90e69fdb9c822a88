package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.tensor.CounterRng;

/** Attention a few queries at a time is the attention of all. */
class AttentionTilesTest {

  /** Products of other sizes may be summed in another order: some units in the last place. */
  private static final double ROUNDING = 1e-6;

  private static final int ROWS = 2;
  private static final int TIME = 13;

  @TempDir private Path temp;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void free() {
    manager.close();
  }

  /** Remembers how large the scores were, and which of them were in memory together. */
  private static final class Watch implements PositionScheme {
    private final PositionScheme scheme;
    private final List<NDArray> scores = new ArrayList<>();
    private long largest;
    private long together;

    Watch(PositionScheme scheme) {
      this.scheme = scheme;
    }

    @Override
    public NDArray turn(NDArray heads, Positions positions) {
      return scheme.turn(heads, positions);
    }

    @Override
    public NDArray bias(NDArray scored, Positions positions) {
      scores.add(scored);
      largest = Math.max(largest, scored.size());
      together = Math.max(together, scores.stream().filter(each -> !each.isReleased()).count());
      return scheme.bias(scored, positions);
    }
  }

  private static Attention bounded(Attention attention, PositionScheme scheme, long scoreBytes) {
    return new Attention(
        attention.inputPoint(),
        attention.outputPoint(),
        attention.projection(),
        attention.output(),
        scheme,
        attention.scale(),
        scoreBytes);
  }

  private NDArray random(long stream, long... shape) {
    float[] numbers = new float[Math.toIntExact(new Shape(shape).size())];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) CounterRng.uniform(3, stream, i) - 0.5f;
    }
    return manager.create(numbers, new Shape(shape));
  }

  /** The attention of a layer in one piece and in tiles of at most 5 queries. */
  private void requireSame(String name, TokenLayout layout) throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(name, temp))) {
      // GIVEN the attention of the first layer, over two rows
      TransformerBlock block = (TransformerBlock) model.decoder().block(0, model.layer(0), manager);
      Attention whole = block.attention();
      Positions positions = model.decoder().positions(layout, manager);
      NDArray input = random(0, ROWS, TIME, model.config().hiddenSize());
      NDArray keys = firstKeys(whole, input, layout.before());
      AttentionCache cache =
          (newKeys, newValues) ->
              layout.before() == 0
                  ? new NDList(newKeys, newValues)
                  : new NDList(keys.concat(newKeys, 1), keys.mul(-1).concat(newValues, 1));
      float[] expected =
          whole.forward(input, positions, cache, new SublayerInputs(BlockTap.NONE)).toFloatArray();

      // WHEN its scores may take only as much as those of 5 queries
      Watch watch = new Watch(whole.scheme());
      long bound = 5 * projectedHeads(whole, input) * (layout.before() + TIME) * Float.BYTES;
      float[] actual;
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        actual =
            bounded(whole, watch, bound)
                .forward(input, positions, cache, new SublayerInputs(BlockTap.NONE))
                .toFloatArray();
      }

      // THEN they go in three tiles, one of them at a time in memory, and the result is the same
      assertThat(watch.scores).hasSize(3);
      assertThat(watch.largest * Float.BYTES).isEqualTo(bound);
      assertThat(watch.together).isEqualTo(1);
      assertThat(actual).hasSameSizeAs(expected);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).isCloseTo(expected[i], within((float) ROUNDING));
      }

      // AND they are the same to the bit where the mask is made for every tile
      Positions withoutMask = new Positions(layout, null, positions.tables());
      assertThat(
              bounded(whole, whole.scheme(), bound)
                  .forward(input, withoutMask, cache, new SublayerInputs(BlockTap.NONE))
                  .toFloatArray())
          .isEqualTo(actual);
    }
  }

  @Test
  void aLargeMaskIsMadeInPartsAndASmallOneOnce() {
    assertThat(Attention.sharedMask(TokenLayout.following(0, 2048), manager).getShape())
        .isEqualTo(new Shape(1, 1, 1, 2048, 2048));
    assertThat(Attention.sharedMask(TokenLayout.following(0, 2049), manager)).isNull();
  }

  private NDArray firstKeys(Attention attention, NDArray input, int before) {
    Shape shape = attention.projection().apply(input).keys().getShape();
    return random(1, shape.get(0), Math.max(1, before), shape.get(2));
  }

  /** Query heads of all rows. */
  private static long projectedHeads(Attention attention, NDArray input) {
    return attention.projection().apply(input).queries().getShape().get(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-bias", "tiny-opt", "tiny-bloom", "bloom-pow2"})
  void tilesGiveTheAttentionOfAllQueries(String model) throws IOException {
    requireSame(model, TokenLayout.following(0, TIME));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-bias", "tiny-opt", "tiny-bloom"})
  void tilesSeeTheKeysOfTheCache(String model) throws IOException {
    requireSame(model, TokenLayout.following(6, TIME));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-bias", "tiny-opt", "tiny-bloom"})
  void tilesOfPackedRowsSeeTheirOwnBranch(String model) throws IOException {
    // GIVEN a context of 4 tokens and continuations of 4 and 5; of 7, 3 and 3
    requireSame(
        model,
        new TokenLayout(
            0,
            new int[][] {
              {0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 8}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 9}
            },
            new int[][] {
              {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2}, {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2}
            }));
  }

  @Test
  void aQueryAtATimeIsTheLeastThereIs() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("llama-gqa-bias", temp))) {
      // GIVEN a bound that not even one query keeps
      TransformerBlock block = (TransformerBlock) model.decoder().block(0, model.layer(0), manager);
      Watch watch = new Watch(block.attention().scheme());
      Positions positions = model.decoder().positions(TokenLayout.following(0, TIME), manager);

      // WHEN
      NDArray result =
          bounded(block.attention(), watch, 1)
              .forward(
                  random(0, 1, TIME, model.config().hiddenSize()),
                  positions,
                  AttentionCache.NONE,
                  new SublayerInputs(BlockTap.NONE));

      // THEN every query is a tile
      assertThat(watch.scores).hasSize(TIME);
      assertThat(result.getShape()).isEqualTo(new Shape(1, TIME, model.config().hiddenSize()));
      assertThat(result.getDataType()).isEqualTo(DataType.FLOAT32);
    }
  }
}

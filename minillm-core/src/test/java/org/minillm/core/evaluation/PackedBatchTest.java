package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.evaluation.PackedBatch.Prediction;

class PackedBatchTest {

  private static Continuation request(int[] context, int... continuation) {
    return new Continuation(context, continuation);
  }

  @Test
  void choicesOfOneQuestionFollowItsContextAndReadAllButTheirLastToken() {
    // GIVEN three choices of one, three and two tokens
    int[] context = {1, 2, 3};
    List<Continuation> requests =
        List.of(request(context, 7), request(context, 4, 5, 6), request(context, 8, 9));

    // WHEN
    List<PackedBatch> batches = PackedBatch.of(requests);

    // THEN the context is there once, followed by 4 5 and by 8, which both begin at position 3
    assertThat(batches).hasSize(1);
    PackedBatch batch = batches.get(0);
    assertThat(batch.rows()).containsExactly(new int[] {1, 2, 3, 4, 5, 8});
    assertThat(batch.layout().positions()).isDeepEqualTo(new int[][] {{0, 1, 2, 3, 4, 3}});
    assertThat(batch.layout().branches()).isDeepEqualTo(new int[][] {{0, 0, 0, 2, 2, 3}});
    assertThat(batch.tokens()).isEqualTo(6);

    // THEN first tokens are predicted at the context's end, the others in the continuations
    assertThat(batch.predictions())
        .containsExactly(
            new Prediction(0, 0, 2),
            new Prediction(1, 0, 2),
            new Prediction(1, 1, 3),
            new Prediction(1, 2, 4),
            new Prediction(2, 0, 2),
            new Prediction(2, 1, 5));
  }

  @Test
  void shorterRowsArePaddedWithTokensThatNoneOfTheirOwnSees() {
    // WHEN
    PackedBatch batch =
        PackedBatch.of(List.of(request(new int[] {5}, 7, 6), request(new int[] {1, 2, 3, 4}, 7)))
            .get(0);

    // THEN
    assertThat(batch.rows()).containsExactly(new int[] {1, 2, 3, 4}, new int[] {5, 7, 0, 0});
    assertThat(batch.layout().branches()[1]).containsExactly(0, 1, -1, -1);
    assertThat(batch.layout().sees(1, 1, 0)).isTrue();
    assertThat(batch.layout().sees(1, 1, 2)).isFalse();
    assertThat(batch.predictions())
        .containsExactly(new Prediction(1, 0, 3), new Prediction(0, 0, 4), new Prediction(0, 1, 5));
  }

  @Test
  void manyRowsAreSplitSoThatABatchStaysSmall() {
    // GIVEN 20 contexts of 100 tokens, of which a batch of 1024 tokens holds 10
    List<Continuation> requests =
        IntStream.range(0, 20)
            .mapToObj(
                i -> {
                  int[] context = new int[100];
                  context[0] = i;
                  return request(context, 1);
                })
            .toList();

    // THEN
    assertThat(PackedBatch.of(requests))
        .extracting(batch -> batch.rows().size())
        .containsExactly(10, 10);
  }
}

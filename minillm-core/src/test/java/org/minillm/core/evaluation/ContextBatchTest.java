package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableIntArray;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.evaluation.ContextBatch.Position;

class ContextBatchTest {

  private static Continuation request(int[] context, int... continuation) {
    return new Continuation(context, continuation);
  }

  @Test
  void choicesOfOneQuestionShareItsContextAndReadAllButTheirLastToken() {
    // GIVEN three choices of one, three and two tokens
    int[] context = {1, 2, 3};
    List<Continuation> requests =
        List.of(request(context, 7), request(context, 4, 5, 6), request(context, 8, 9));

    // WHEN
    List<ContextBatch> batches = ContextBatch.of(requests);

    // THEN the context is there once, and 4 5 and 8 with one token of padding follow it
    assertThat(batches).hasSize(1);
    ContextBatch batch = batches.get(0);
    assertThat(batch.contexts()).containsExactly(context);
    assertThat(batch.branches()).hasSize(1);
    assertThat(batch.branches().get(0).contexts()).isEqualTo(ImmutableIntArray.of(0, 0));
    assertThat(batch.branches().get(0).rows()).containsExactly(new int[] {4, 5}, new int[] {8, 0});
    assertThat(batch.tokens()).isEqualTo(3 + 2 * 2);

    // THEN first tokens are predicted at the context's end, the others in the branches
    assertThat(batch.firstTokens())
        .containsExactly(new Position(0, 0, 2), new Position(1, 0, 2), new Position(2, 0, 2));
    assertThat(batch.furtherTokens().get(0))
        .containsExactly(new Position(1, 1, 0), new Position(1, 2, 1), new Position(2, 1, 2));
  }

  @Test
  void contextsOfOneLengthGoTogetherTheLongestFirst() {
    // WHEN
    List<ContextBatch> batches =
        ContextBatch.of(
            List.of(
                request(new int[] {1, 2}, 7, 5),
                request(new int[] {1, 2, 3}, 7),
                request(new int[] {5, 6}, 7, 6)));

    // THEN
    assertThat(batches).extracting(batch -> batch.contexts().size()).containsExactly(1, 2);
    assertThat(batches.get(1).branches().get(0).contexts()).isEqualTo(ImmutableIntArray.of(0, 1));
    assertThat(batches.get(1).firstTokens())
        .containsExactly(new Position(0, 0, 1), new Position(2, 0, 3));
  }

  @Test
  void manyContextsAreSplitSoThatABatchStaysSmall() {
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
    assertThat(ContextBatch.of(requests))
        .extracting(batch -> batch.contexts().size())
        .containsExactly(10, 10);
  }

  @Test
  void continuationsOfVeryDifferentLengthsArePaddedNoFurtherThanABatchCosts() {
    // GIVEN continuations that read 70, 10 and 5 tokens of one context: padding of 60, then 65 more
    int[] context = {1};
    List<Continuation> requests =
        List.of(
            request(context, new int[71]),
            request(context, new int[11]),
            request(context, new int[6]));

    // THEN the third has a batch of its own
    ContextBatch batch = ContextBatch.of(requests).get(0);
    assertThat(batch.branches())
        .extracting(branches -> branches.rows().get(0).length)
        .containsExactly(70, 5);
    assertThat(batch.tokens()).isEqualTo(1 + 2 * 70 + 5);
  }
}

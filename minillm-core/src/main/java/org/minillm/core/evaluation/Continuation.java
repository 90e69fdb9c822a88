package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.Ints;
import java.util.Arrays;
import org.minillm.core.runtime.Tokenizer;

/**
 * A text and what may follow it, as tokens.
 *
 * @param context the tokens before, at least one
 * @param continuation the tokens that are scored, at least one
 * @param isCut whether tokens at the start of the context were left away
 */
record Continuation(int[] context, int[] continuation, boolean isCut) {

  Continuation(int[] context, int[] continuation) {
    this(context, continuation, false);
  }

  /**
   * Tokenises context and continuation jointly, as lm-evaluation-harness does: spaces at the end of
   * the context belong to the continuation, and the continuation's tokens are those of the whole
   * beyond the number that the context alone has.
   */
  static Continuation of(Tokenizer tokenizer, String context, String continuation, String where) {
    String stripped = context.stripTrailing();
    String whole = context + continuation;
    int[] contextTokens = tokenizer.encode(stripped);
    int[] wholeTokens = tokenizer.encode(whole);
    if (contextTokens.length == 0 || wholeTokens.length <= contextTokens.length) {
      throw new IllegalArgumentException(
          String.format(
              "%s: context of %d tokens, with the continuation %d; expected at least one token of"
                  + " each",
              where, contextTokens.length, wholeTokens.length));
    }
    return new Continuation(
        Arrays.copyOf(wholeTokens, contextTokens.length),
        Arrays.copyOfRange(wholeTokens, contextTokens.length, wholeTokens.length));
  }

  /**
   * Leaves away the start of a context that is too long for a model, as lm-evaluation-harness does.
   *
   * @param positions how many tokens the model can read at most
   */
  Continuation fitting(int positions, String where) {
    int kept = Math.min(context.length, positions + 1 - continuation.length);
    checkArgument(
        kept > 0,
        "%s: a continuation of %s tokens, but the model has %s positions (max_position_embeddings)",
        where,
        continuation.length,
        positions);
    return kept == context.length
        ? this
        : new Continuation(
            Arrays.copyOfRange(context, context.length - kept, context.length), continuation, true);
  }

  /** What the model has to read: all but the last token. */
  int[] input() {
    int[] whole = Ints.concat(context, continuation);
    return Arrays.copyOf(whole, whole.length - 1);
  }
}

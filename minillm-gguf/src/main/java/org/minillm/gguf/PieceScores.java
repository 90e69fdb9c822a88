package org.minillm.gguf;

import com.google.common.collect.ImmutableList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;

/**
 * SentencePiece joins the neighbours whose piece has the best score; a tokenizer.json that was made
 * of one has a list of merges instead. Scores that mean the same follow from the order, where all
 * merges of a piece stand together and none is missing: that is checked.
 */
final class PieceScores {

  /** What llama.cpp's converter gives to pieces that nothing is joined to. */
  private static final float NEVER = -1000;

  private PieceScores() {}

  /**
   * Finds the scores.
   *
   * @param tokenizer whose text is normalised as SentencePiece does
   * @return one a token, the larger the earlier it is made
   * @throws IllegalArgumentException if no scores give the same merges
   */
  static ImmutableList<Float> of(TokenizerJson tokenizer) {
    Map<String, Integer> ranks = ranks(tokenizer);
    requireAllMerges(tokenizer);
    ImmutableList.Builder<Float> scores = ImmutableList.builder();
    for (@Nullable String token : tokenizer.tokens()) {
      Integer rank = token == null ? null : ranks.get(token);
      boolean added = token == null || tokenizer.added().containsKey(token);
      scores.add(rank != null ? -1f - rank : added ? NEVER : 0f);
    }
    return scores.build();
  }

  private static Map<String, Integer> ranks(TokenizerJson tokenizer) {
    Map<String, Integer> ranks = new HashMap<>();
    String last = "";
    for (TokenizerJson.Merge merge : tokenizer.merges()) {
      String joined = merge.joined();
      if (!joined.equals(last) && ranks.put(joined, ranks.size()) != null) {
        throw refuse(tokenizer, "the merges of '" + joined + "' do not stand together");
      }
      last = joined;
    }
    return ranks;
  }

  private static void requireAllMerges(TokenizerJson tokenizer) {
    Set<String> vocabulary = new HashSet<>();
    for (@Nullable String token : tokenizer.tokens()) {
      if (token != null && !tokenizer.added().containsKey(token)) {
        vocabulary.add(token);
      }
    }
    Set<TokenizerJson.Merge> merges = new HashSet<>(tokenizer.merges());
    for (String token : vocabulary) {
      for (int at = token.offsetByCodePoints(0, 1);
          at < token.length();
          at = token.offsetByCodePoints(at, 1)) {
        TokenizerJson.Merge merge =
            new TokenizerJson.Merge(token.substring(0, at), token.substring(at));
        if (vocabulary.containsAll(List.of(merge.first(), merge.second()))
            && !merges.contains(merge)) {
          throw refuse(
              tokenizer, "'%s' and '%s' are not merged".formatted(merge.first(), merge.second()));
        }
      }
    }
  }

  private static IllegalArgumentException refuse(TokenizerJson tokenizer, String why) {
    return tokenizer
        .model()
        .refuse(
            "no scores of SentencePiece give these merges: "
                + JsonNode.shortened(why, 200)
                + "; give a GGUF file of the dense model as the setting \"template\"");
  }
}

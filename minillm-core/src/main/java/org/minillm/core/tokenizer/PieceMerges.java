package org.minillm.core.tokenizer;

import static java.util.Comparator.comparingDouble;
import static java.util.Comparator.comparingInt;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The merges of a BPE of SentencePiece, which has pieces and scores only: every way to put a piece
 * together from two others is a merge, and that of the better piece goes first.
 */
final class PieceMerges {

  /** The largest known have 600,000. */
  private static final int MAX_MERGES = 2_000_000;

  /** Of characters to look at: a piece of n characters can be parted in n - 1 ways. */
  private static final long MAX_WORK = 1_000_000_000;

  /** The order of equal ones is that in which they were found. */
  private static final Comparator<Merge> ORDER =
      comparingDouble(Merge::score)
          .thenComparingInt(Merge::leftLength)
          .thenComparingInt(Merge::rightLength)
          .reversed();

  private static final Comparator<Merge> BY_IDS =
      comparingInt(Merge::left).thenComparingInt(Merge::right);

  private record Merge(int left, int right, int leftLength, int rightLength, float score) {}

  private final List<String> texts;
  private final List<Merge> merges;

  private PieceMerges(List<String> texts, List<Merge> merges) {
    this.texts = texts;
    this.merges = merges;
  }

  /**
   * Finds the merges.
   *
   * @param texts of the pieces, in the order of their ids
   * @param scores of the pieces
   * @param ids by text
   * @throws IllegalArgumentException if there are too many
   */
  static PieceMerges of(List<String> texts, float[] scores, Map<String, Integer> ids) {
    long work = 0;
    for (String text : texts) {
      work += (long) text.length() * text.length();
    }
    if (work > MAX_WORK) {
      throw new IllegalArgumentException("its pieces are too long: expected some characters each");
    }
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < texts.size(); id++) {
      // 0 and -0 are the same score
      addSplits(texts.get(id), scores[id] + 0f, ids, merges);
      if (merges.size() > MAX_MERGES) {
        throw new IllegalArgumentException("its pieces have more than 2,000,000 merges");
      }
    }
    merges.sort(ORDER);
    return new PieceMerges(texts, merges);
  }

  private static void addSplits(
      String text, float score, Map<String, Integer> ids, List<Merge> merges) {
    int first = merges.size();
    for (int at = 1; at < text.length(); at++) {
      Integer left = ids.get(text.substring(0, at));
      Integer right = left == null ? null : ids.get(text.substring(at));
      if (left != null && right != null) {
        merges.add(
            new Merge(
                left,
                right,
                text.codePointCount(0, at),
                text.codePointCount(at, text.length()),
                score));
      }
    }
    merges.subList(first, merges.size()).sort(BY_IDS);
  }

  void write(JsonWriter out) throws IOException {
    out.beginArray();
    for (Merge merge : merges) {
      out.beginArray().value(texts.get(merge.left())).value(texts.get(merge.right())).endArray();
    }
    out.endArray();
  }
}

package org.minillm.criteria;

import com.google.common.base.Ascii;
import com.google.common.base.Enums;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.minillm.core.pruning.ScoreBackend.Reduction;

/** How the scores of all weights of a unit, over all slices of its group, become one. */
public enum Aggregation {
  /** Their sum. */
  SUM,

  /** Their sum divided by the number of weights of the unit. */
  MEAN,

  /** The largest of them. */
  MAX;

  /**
   * Returns the name that plans and the command line use: {@code sum}, {@code mean}, {@code max}.
   *
   * @return the name in lower case
   */
  public String id() {
    return Ascii.toLowerCase(name());
  }

  /** The reverse of {@link #id}. */
  static Aggregation of(String id) {
    return Enums.getIfPresent(Aggregation.class, Ascii.toUpperCase(id))
        .toJavaUtil()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "aggregation \""
                        + id
                        + "\", expected one of "
                        + Arrays.stream(values())
                            .map(Aggregation::id)
                            .collect(Collectors.joining(", "))));
  }

  /** How the backend is to reduce the weights of one slice. */
  Reduction reduction() {
    return this == MAX ? Reduction.MAX : Reduction.SUM;
  }
}

package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import com.google.common.primitives.ImmutableIntArray;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a layer that make the values of the attention. What attention carries from token to
 * token is linear in them, while queries and keys decide from where.
 *
 * @param weight name of the tensor (out, hidden_size) that has the rows
 * @param bias name of its bias (out); null where there is none
 * @param rows the rows that make values, ascending; all of them where values have a tensor of their
 *     own
 * @param input the tap point whose activations the rows multiply (see {@link BlockTap})
 */
public record ValueProjection(
    String weight, @Nullable String bias, ImmutableIntArray rows, String input) {

  // Refuses nulls.
  public ValueProjection {
    requireNonNull(weight, "weight");
    requireNonNull(rows, "rows");
    requireNonNull(input, "input");
  }
}

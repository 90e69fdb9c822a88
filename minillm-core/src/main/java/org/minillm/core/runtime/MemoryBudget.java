package org.minillm.core.runtime;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Ascii;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much memory the process may use while models work. Decides how many blocks stay in memory,
 * never what is computed.
 *
 * @param bytes at least 1
 */
public record MemoryBudget(long bytes) {

  // Heap, tokenizer, page cache of the mapped file and the rest of the machine live beside us.
  private static final double SHARE_OF_MACHINE = 0.6;

  private static final String UNITS = "kmgt";
  private static final int BITS_PER_UNIT = 10;

  // "GB" is left out on purpose: half of the world reads it as 10^9, the other half as 2^30.
  private static final Pattern SIZE = Pattern.compile("([0-9]+) ?(?:([" + UNITS + "])(?:ib)?)?");

  // Checks that there is a budget.
  public MemoryBudget {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "memory budget of " + bytes + " bytes: expected at least 1");
    }
  }

  /**
   * Reads a budget as people write it. Units are powers of 1024, as they are for {@code java -Xmx}.
   *
   * @param text {@code 2g}, {@code 512m}, {@code 4GiB}, or a number of bytes; case does not matter
   * @return the budget
   * @throws IllegalArgumentException if the text is none of these, is 0, or exceeds 2^63 - 1 bytes
   */
  public static MemoryBudget parse(String text) {
    requireNonNull(text, "text");
    Matcher matcher = SIZE.matcher(Ascii.toLowerCase(text.strip()));
    if (!matcher.matches()) {
      throw unreadable(text);
    }
    String unit = matcher.group(2);
    int shift = unit == null ? 0 : (UNITS.indexOf(unit) + 1) * BITS_PER_UNIT;
    try {
      return new MemoryBudget(Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << shift));
    } catch (NumberFormatException | ArithmeticException tooLarge) {
      throw unreadable(text);
    }
  }

  private static IllegalArgumentException unreadable(String text) {
    return new IllegalArgumentException(
        "memory budget \""
            + text
            + "\": expected a whole number of k, m, g or t (powers of 1024), such as 512m, 2g or"
            + " 4GiB, or a number of bytes below 2^63");
  }

  /**
   * Returns the default: 60% of the physical memory, or of what the container may use.
   *
   * @return the budget
   */
  public static MemoryBudget ofThisMachine() {
    long physical =
        ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
            .getTotalMemorySize();
    return new MemoryBudget((long) (physical * SHARE_OF_MACHINE));
  }

  /**
   * Returns what each of some models has that are open together in one process.
   *
   * @param models at least 1
   * @return the process and an equal part of what it leaves
   */
  public MemoryBudget sharedBy(int models) {
    long process = MemoryForecast.PROCESS_BYTES;
    return new MemoryBudget(
        bytes <= process ? Math.max(1, bytes / models) : process + (bytes - process) / models);
  }

  /**
   * Returns the budget for a person: one decimal, in the largest unit that leaves at least 1.
   *
   * @return for example {@code 2.0 GiB}
   */
  @Override
  public String toString() {
    int unit = (Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes)) / BITS_PER_UNIT;
    if (unit == 0) {
      return bytes + " B";
    }
    int shown = Math.min(unit, UNITS.length());
    return String.format(
        Locale.ROOT,
        "%.1f %siB",
        bytes / (double) (1L << (shown * BITS_PER_UNIT)),
        Ascii.toUpperCase(UNITS.charAt(shown - 1)));
  }
}

package org.minillm.core.evidence;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;

/**
 * Windows of tokens on which activations and losses are measured. They are evenly spaced over a
 * text, so that no seed decides which text is seen: of the n = floor(tokens / window) consecutive
 * windows of the text, those numbered floor((i + 0.5) * n / samples) for i = 0, 1, ….
 *
 * @param source where the text came from, for the record
 * @param window tokens a window
 * @param windows the token ids, each of length {@code window}
 */
public record CalibrationSet(String source, int window, ImmutableList<int[]> windows) {

  // Checks that all windows have the stated length.
  public CalibrationSet {
    requireNonNull(source, "source");
    requireNonNull(windows, "windows");
    checkArgument(!windows.isEmpty(), "%s: no calibration window", source);
    windows.forEach(
        ids ->
            checkArgument(
                ids.length == window,
                "%s: a window of %s tokens, expected %s",
                source,
                ids.length,
                window));
  }

  /**
   * Takes evenly spaced windows from a tokenised text.
   *
   * @param source where the text came from, for the record and for messages
   * @param tokens the whole text
   * @param samples how many windows
   * @param window tokens a window, at least 2
   * @return the set
   * @throws IllegalArgumentException if the text is too short for that many windows
   */
  public static CalibrationSet evenlySpaced(String source, int[] tokens, int samples, int window) {
    requireNonNull(source, "source");
    requireNonNull(tokens, "tokens");
    checkArgument(samples > 0, "calibration samples %s: expected at least 1", samples);
    checkArgument(window > 1, "calibration window %s: expected at least 2 tokens", window);
    int available = tokens.length / window;
    if (available < samples) {
      throw new IllegalArgumentException(
          String.format(
              "%s: %d tokens make %d windows of %d tokens, expected %d; give a longer text, or"
                  + " fewer or shorter windows",
              source, tokens.length, available, window, samples));
    }
    ImmutableList.Builder<int[]> windows = ImmutableList.builder();
    for (int i = 0; i < samples; i++) {
      int number = (int) ((i + 0.5) * available / samples);
      int[] ids = new int[window];
      System.arraycopy(tokens, number * window, ids, 0, window);
      windows.add(ids);
    }
    return new CalibrationSet(source, window, windows.build());
  }

  /**
   * Counts the tokens.
   *
   * @return windows times window
   */
  public long tokens() {
    return (long) windows.size() * window;
  }

  /**
   * Says which text was used, for the plan.
   *
   * @return source, window, number of windows and a hash of the token ids
   */
  public ImmutableMap<String, String> provenance() {
    Hasher hasher = Hashing.sha256().newHasher();
    windows.forEach(
        ids -> {
          for (int id : ids) {
            hasher.putInt(id);
          }
        });
    return ImmutableMap.of(
        "calibration.source", source,
        "calibration.window", Integer.toString(window),
        "calibration.samples", Integer.toString(windows.size()),
        "calibration.tokens_sha256", hasher.hash().toString());
  }
}

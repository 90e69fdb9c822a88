package org.minillm.core.tensor;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Count, mean and sum of squared deviations (M2) of every channel, accumulated in double; from them
 * follow the variance and the L2 norm. Mutable and not thread-safe: give each thread its own and
 * {@link #merge} them.
 *
 * <p>Rows are summed in batches of 64 around the first row of each batch. That keeps the digits of
 * a small variance under a large mean; and because that row is one of the data, an outlier there
 * cannot drown the others by more than the length of the batch. Batches are joined by the update of
 * Chan, Golub and LeVeque (The American Statistician 37, 1983). The same calls in the same order
 * give the same bits.
 */
public final class ChannelStatistics {

  private static final int BATCH_ROWS = 64;

  /** Channels that a thread takes at a time. */
  private static final int RANGE = 256;

  private final double[] mean;
  private final double[] m2;
  private long count;

  /**
   * Starts with no row seen.
   *
   * @param channels how many channels, at least 1
   */
  public ChannelStatistics(int channels) {
    checkArgument(channels > 0, "%s channels, expected at least 1", channels);
    mean = new double[channels];
    m2 = new double[channels];
  }

  /**
   * Returns the statistics of one channel that always was 1: the input of a bias.
   *
   * @param count how often it was seen
   * @return one channel of mean 1, variance 0 and norm sqrt(count)
   */
  public static ChannelStatistics constantOne(long count) {
    checkArgument(count >= 0, "count %s, expected at least 0", count);
    ChannelStatistics one = new ChannelStatistics(1);
    one.count = count;
    one.mean[0] = count == 0 ? 0 : 1;
    return one;
  }

  /**
   * Returns statistics that were computed elsewhere.
   *
   * @param count rows that were seen, at least 1
   * @param mean of each channel
   * @param m2 the sum of squared deviations from it, of each channel
   * @return statistics that can be merged into others
   */
  public static ChannelStatistics of(long count, double[] mean, double[] m2) {
    requireNonNull(mean, "mean");
    requireNonNull(m2, "m2");
    checkArgument(count > 0, "count %s, expected at least 1", count);
    checkArgument(mean.length == m2.length, "%s means, %s sums of squares", mean.length, m2.length);
    ChannelStatistics statistics = new ChannelStatistics(mean.length);
    statistics.count = count;
    System.arraycopy(mean, 0, statistics.mean, 0, mean.length);
    System.arraycopy(m2, 0, statistics.m2, 0, m2.length);
    return statistics;
  }

  /**
   * Adds a batch of activations.
   *
   * @param input FLOAT32, (..., channels); read only
   * @throws IllegalArgumentException if the last axis is not {@link #channels()} long
   */
  public void accumulate(NDArray input) {
    checkArgument(
        input.getShape().dimension() > 0 && input.getShape().getLastDimension() == channels(),
        "activations %s, expected (..., %s)",
        input.getShape(),
        channels());
    accumulate(HostMemory.floats(input));
  }

  /**
   * Adds a batch of rows, from the buffer's position to its limit.
   *
   * @param rows row after row of {@link #channels()} numbers; the position stays where it is
   */
  void accumulate(FloatBuffer rows) {
    int channels = channels();
    checkArgument(
        rows.remaining() % channels == 0,
        "%s numbers, expected whole rows of %s",
        rows.remaining(),
        channels);
    FloatBuffer source = rows.slice();
    int added = source.remaining() / channels;
    // a channel's sums are one thread's, so that their bits depend on nothing else
    IntStream.rangeClosed(0, (channels - 1) / RANGE)
        .map(range -> range * RANGE)
        .parallel()
        .forEach(
            from -> new Range(from, Math.min(channels, from + RANGE)).accumulate(source, added));
    count += added;
  }

  /**
   * Adds everything that another accumulator has seen.
   *
   * @param other of as many channels; left as it is
   */
  public void merge(ChannelStatistics other) {
    checkArgument(
        other.channels() == channels(),
        "cannot merge %s channels into %s",
        other.channels(),
        channels());
    if (other.count == 0) {
      return;
    }
    long added = other.count;
    for (int c = 0; c < mean.length; c++) {
      join(c, count, added, other.mean[c], other.m2[c]);
    }
    count += added;
  }

  /**
   * Chan, Golub and LeVeque's update of one channel.
   *
   * @param seen rows so far
   * @param rows that are joined
   */
  private void join(int channel, long seen, long rows, double otherMean, double otherM2) {
    double total = (double) seen + rows;
    double delta = otherMean - mean[channel];
    mean[channel] += delta * (rows / total);
    m2[channel] += otherM2 + delta * delta * (seen / total * rows);
  }

  /**
   * Returns how many rows were seen.
   *
   * @return the number of tokens
   */
  public long count() {
    return count;
  }

  /**
   * Returns how many channels there are.
   *
   * @return the length of a row
   */
  public int channels() {
    return mean.length;
  }

  /**
   * Returns a channel's mean.
   *
   * @param channel from 0
   * @return the mean; 0 where no row was seen
   */
  public double mean(int channel) {
    return mean[channel];
  }

  /**
   * Returns a channel's unbiased variance, M2 / (count - 1).
   *
   * @param channel from 0
   * @return the variance; 0 where fewer than two rows were seen
   */
  public double variance(int channel) {
    return count < 2 ? 0 : m2[channel] / (count - 1);
  }

  /**
   * Returns a channel's L2 norm over all rows, sqrt(M2 + count * mean^2).
   *
   * @param channel from 0
   * @return the norm; 0 where no row was seen
   */
  public double norm(int channel) {
    return Math.sqrt(m2[channel] + count * mean[channel] * mean[channel]);
  }

  /**
   * Returns the norms of all channels.
   *
   * @return a new array of length {@link #channels()}
   */
  public double[] norms() {
    double[] norms = new double[mean.length];
    Arrays.setAll(norms, this::norm);
    return norms;
  }

  /** Neighbouring channels: their sums of a few rows and of their squares, around the first row. */
  private final class Range {

    /** Rows that are summed in registers before memory is touched again. */
    private static final int BLOCK_ROWS = 4;

    private final int from;
    private final float[] first;
    private final float[] block;
    private final double[] sums;
    private final double[] squares;

    Range(int from, int to) {
      this.from = from;
      first = new float[to - from];
      block = new float[BLOCK_ROWS * first.length];
      sums = new double[first.length];
      squares = new double[first.length];
    }

    /** Adds rows of all channels, of which these take their own, batch after batch. */
    void accumulate(FloatBuffer source, int rows) {
      for (int start = 0; start < rows; start += BATCH_ROWS) {
        int batchRows = Math.min(BATCH_ROWS, rows - start);
        sum(source, start, batchRows);
        for (int c = 0; c < first.length; c++) {
          join(from + c, count + start, batchRows, batchMean(c, batchRows), batchM2(c, batchRows));
        }
      }
    }

    private void sum(FloatBuffer source, int start, int rows) {
      Arrays.fill(sums, 0);
      Arrays.fill(squares, 0);
      source.get(start * channels() + from, first);
      for (int row = 0; row < rows; row += BLOCK_ROWS) {
        for (int i = 0; i < BLOCK_ROWS; i++) {
          // Rows that are missing in the last block are the first row: they add nothing.
          int taken = row + i < rows ? start + row + i : start;
          source.get(taken * channels() + from, block, i * first.length, first.length);
        }
        addBlock(first.length);
      }
    }

    private void addBlock(int channels) {
      for (int c = 0; c < channels; c++) {
        double shift = first[c];
        double a = block[c] - shift;
        double b = block[c + channels] - shift;
        double d = block[c + 2 * channels] - shift;
        double e = block[c + 3 * channels] - shift;
        sums[c] += (a + b) + (d + e);
        squares[c] += (a * a + b * b) + (d * d + e * e);
      }
    }

    private double batchMean(int channel, int rows) {
      return first[channel] + sums[channel] / rows;
    }

    private double batchM2(int channel, int rows) {
      return Math.max(0, squares[channel] - sums[channel] * (sums[channel] / rows));
    }
  }
}

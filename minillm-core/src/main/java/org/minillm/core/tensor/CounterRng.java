package org.minillm.core.tensor;

import static java.util.Objects.requireNonNull;

import com.google.common.hash.Hashing;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;

/**
 * Random numbers without state: each is a function of a seed, a stream (one per tensor, say) and an
 * index, so that any part of a sequence can be made again, anywhere, in any order, by any number of
 * threads. The functions are stable: plans replay from seeds that were written to disk.
 *
 * <p>A value is SplitMix64's (Steele, Lea and Flood, OOPSLA 2014, with Stafford's mixer 13),
 * started at a hash of seed and stream and read at the index. Not for cryptography.
 */
public final class CounterRng {

  /** SplitMix64's increment: 2^64 divided by the golden ratio, odd. */
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  /** Separates the further draws of one index from the first draws of all; any odd number does. */
  private static final long FURTHER = 0xD1342543DE82EF95L;

  private static final double TWO_TO_MINUS_53 = 0x1.0p-53;

  private CounterRng() {}

  /**
   * Turns a name into a stream.
   *
   * @param name for example a tensor's name in the checkpoint
   * @return the first 8 bytes of the SHA-256 of its UTF-8 bytes, in little-endian order
   */
  public static long stream(String name) {
    requireNonNull(name, "name");
    return Hashing.sha256().hashString(name, StandardCharsets.UTF_8).asLong();
  }

  /**
   * Returns 64 random bits.
   *
   * @param seed any number
   * @param stream any number, see {@link #stream}
   * @param index any number
   * @return the bits at that place
   */
  public static long bits(long seed, long stream, long index) {
    return mix(state(key(seed, stream), index));
  }

  /**
   * Returns a uniformly distributed number.
   *
   * @param seed any number
   * @param stream any number, see {@link #stream}
   * @param index any number
   * @return a multiple of 2^-53 in [0, 1)
   */
  public static double uniform(long seed, long stream, long index) {
    return (bits(seed, stream, index) >>> 11) * TWO_TO_MINUS_53;
  }

  /**
   * Fills a buffer from its position to its limit with standard normal numbers. The one at an index
   * does not depend on where the fill starts or ends. The position stays where it is.
   *
   * @param target receives {@code target.remaining()} numbers
   * @param seed any number
   * @param stream any number, see {@link #stream}
   * @param firstIndex index of the first number; the others follow
   */
  public static void fillNormal(FloatBuffer target, long seed, long stream, long firstIndex) {
    requireNonNull(target, "target");
    long key = key(seed, stream);
    Draws draws = new Draws();
    ZigguratSampler.NormalizedGaussian gaussian = ZigguratSampler.NormalizedGaussian.of(draws);
    int position = target.position();
    int count = target.remaining();
    for (int i = 0; i < count; i++) {
      draws.state = state(key, firstIndex + i);
      target.put(position + i, (float) gaussian.sample());
    }
  }

  /**
   * Fills a buffer from its position to its limit with -1 and 1, equally likely (Rademacher's
   * distribution). The one at an index does not depend on where the fill starts or ends. The
   * position stays where it is.
   *
   * @param target receives {@code target.remaining()} numbers
   * @param seed any number
   * @param stream any number, see {@link #stream}
   * @param firstIndex index of the first number; the others follow
   */
  public static void fillSigns(FloatBuffer target, long seed, long stream, long firstIndex) {
    requireNonNull(target, "target");
    long key = key(seed, stream);
    int position = target.position();
    int count = target.remaining();
    for (int i = 0; i < count; i++) {
      // The top bit decides; arithmetic, because a branch would be mispredicted half the time.
      target.put(position + i, 1 - 2 * (int) (mix(state(key, firstIndex + i)) >>> 63));
    }
  }

  private static long key(long seed, long stream) {
    return mix(mix(seed + GOLDEN) + stream);
  }

  private static long state(long key, long index) {
    return key + (index + 1) * GOLDEN;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /**
   * What the ziggurat draws from at one index: first {@link #bits}, then, for the 1 index in 40 or
   * so that needs more, a chain of hashes that leaves the draws of the other indices alone.
   */
  private static final class Draws implements UniformRandomProvider {

    private long state;

    @Override
    public long nextLong() {
      long bits = mix(state);
      state = bits + FURTHER;
      return bits;
    }
  }
}

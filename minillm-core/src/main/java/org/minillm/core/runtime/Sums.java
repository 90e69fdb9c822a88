package org.minillm.core.runtime;

/**
 * What is added up over micro-batches. Sums of parts of the windows, merged in the order of the
 * windows, are the sums of all of them, up to rounding; they depend on nothing but the parts.
 *
 * @param <S> the sums themselves
 */
public interface Sums<S extends Sums<S>> extends AutoCloseable {

  /**
   * Adds what was summed over windows after these.
   *
   * @param later left as it is
   */
  void merge(S later);

  /** Frees native memory that the sums own; unless overridden, there is none. */
  @Override
  default void close() {}
}

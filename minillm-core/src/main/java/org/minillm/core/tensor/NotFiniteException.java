package org.minillm.core.tensor;

/**
 * A number that was computed is NaN or infinite, so that nothing that follows from it means
 * anything. The message says where it was noticed; {@link
 * org.minillm.core.runtime.CausalLm#diagnose} finds out where it comes from.
 */
public class NotFiniteException extends ArithmeticException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes one.
   *
   * @param message what is not finite
   */
  public NotFiniteException(String message) {
    super(message);
  }
}

package org.minillm.core.files;

import java.io.IOException;

/**
 * A file is not what it should be. The message names the file, the place in it, what was found,
 * what was expected and, where there is one, the remedy.
 */
public class MalformedFileException extends IOException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes one.
   *
   * @param message which file, where, what was found, what was expected, the remedy
   */
  public MalformedFileException(String message) {
    super(message);
  }

  /**
   * Makes one with a cause.
   *
   * @param message which file, where, what was found, what was expected, the remedy
   * @param cause what the parser said
   */
  public MalformedFileException(String message, Throwable cause) {
    super(message, cause);
  }
}

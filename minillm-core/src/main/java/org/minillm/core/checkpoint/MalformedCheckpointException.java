package org.minillm.core.checkpoint;

import org.minillm.core.files.MalformedFileException;

/**
 * A file of a checkpoint is not what its format, or the rest of the checkpoint, says it should be.
 * The message names the file, and the tensor where there is one.
 */
public class MalformedCheckpointException extends MalformedFileException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes one.
   *
   * @param message which file, what was found, what was expected, the remedy
   */
  public MalformedCheckpointException(String message) {
    super(message);
  }

  /**
   * Makes one with a cause.
   *
   * @param message which file, what was found, what was expected, the remedy
   * @param cause what the parser said
   */
  public MalformedCheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}

package org.minillm.core.files;

import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;

/** A target stands there already, and its writer was not told to overwrite it, which it could. */
public final class TargetExistsException extends FileAlreadyExistsException {

  private static final long serialVersionUID = 1L;

  /**
   * Names it.
   *
   * @param target the file or folder that is left as it is
   */
  public TargetExistsException(Path target) {
    super(
        target.toString(),
        null,
        "exists, and is not to be overwritten; let it be (overwrite), or name another target");
  }
}

package org.minillm.core.journal;

import java.nio.file.FileSystemException;
import java.nio.file.Path;

/**
 * A journal belongs to another run than the one that would go on there. The remedies are to finish
 * that run, or to {@linkplain JournalFolder#delete(Path) delete} its journal.
 */
public final class OtherRunException extends FileSystemException {

  private static final long serialVersionUID = 1L;

  /**
   * Says what differs.
   *
   * @param folder of the journal
   * @param fact what the results depend on
   * @param there its value in the run of the journal
   * @param here its value in the run that was started
   */
  OtherRunException(Path folder, String fact, String there, String here) {
    super(
        folder.toString(),
        null,
        String.format(
            "is the journal of another run that was interrupted: %s is %s there and %s here; start"
                + " that run again to finish it, or delete the journal to begin anew",
            fact, there, here));
  }
}

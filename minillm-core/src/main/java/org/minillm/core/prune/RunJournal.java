package org.minillm.core.prune;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.runtime.PassListener;

/**
 * Where a pruner keeps what its run has done, between planning and cutting too.
 *
 * @param folder null for nowhere
 * @param interval work that may be lost
 */
record RunJournal(@Nullable Path folder, Duration interval) {

  static final RunJournal NONE = new RunJournal(null, Duration.ZERO);

  /** Work that a journal goes along with. */
  interface Work<T> {
    T run(Journal journal) throws IOException;
  }

  /** Works with the journal open; {@code run} is all that the results depend on. */
  <T> T during(Map<String, String> run, PassListener listener, Work<T> work) throws IOException {
    return with(run, listener, work, journal -> {});
  }

  /** Does the last work of a run, after which there is nothing to go on with. */
  <T> T toTheEnd(Map<String, String> run, PassListener listener, Work<T> work) throws IOException {
    return with(run, listener, work, JournalFolder::forget);
  }

  private <T> T with(
      Map<String, String> run, PassListener listener, Work<T> work, Consumer<JournalFolder> after)
      throws IOException {
    if (folder == null) {
      return work.run(Journal.NONE);
    }
    try (JournalFolder journal =
        JournalFolder.open(folder, run, interval, () -> listener.resumed(folder))) {
      T result = work.run(journal);
      after.accept(journal);
      return result;
    }
  }

  void delete() throws IOException {
    if (folder != null) {
      JournalFolder.delete(folder);
    }
  }
}

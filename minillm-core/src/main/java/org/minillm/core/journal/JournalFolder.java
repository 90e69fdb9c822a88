package org.minillm.core.journal;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Sets;
import com.google.gson.JsonElement;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal of one run in a folder of its own, which appears with the first state that is saved:
 * a run of a few seconds leaves no trace. The folder says which run it belongs to; another is
 * refused by name. One run at a time may have it open.
 *
 * <p>It is an insurance: where it cannot be read or written, a warning is logged and the run goes
 * on without it. Only an interrupt of the thread ends the run there.
 */
public final class JournalFolder implements Journal, Closeable {

  /** Work that may be lost; less often than that nothing is saved. */
  public static final Duration INTERVAL = Duration.ofSeconds(10);

  private static final Logger LOG = LoggerFactory.getLogger(JournalFolder.class);

  /** A saving is followed by at least so many times as long without one: at most 5% are lost. */
  private static final int WORK_PER_SAVING = 20;

  private final JournalFiles files;
  private final ImmutableSortedMap<String, String> run;
  private final Runnable resumed;
  private final Stopwatch sinceSaving = Stopwatch.createStarted();
  private Duration interval;
  private @Nullable JournalLock lock;
  private boolean givenUp;
  private boolean hasResumed;

  private JournalFolder(
      JournalFiles files,
      ImmutableSortedMap<String, String> run,
      Duration interval,
      Runnable resumed) {
    this.files = files;
    this.run = run;
    this.interval = interval;
    this.resumed = resumed;
  }

  /**
   * Opens the journal of a run, or begins one.
   *
   * @param folder where it is, or will be when there is something to remember
   * @param run all that the results depend on, by stable names
   * @param interval work that may be lost; {@link #INTERVAL}, if there is no reason for another
   * @return the journal; to be closed
   * @throws OtherRunException if the folder belongs to another run
   * @throws IOException if the folder is none of a journal, or is in use
   */
  public static JournalFolder open(Path folder, Map<String, String> run, Duration interval)
      throws IOException {
    requireNonNull(folder, "folder");
    requireNonNull(run, "run");
    requireNonNull(interval, "interval");
    return open(folder, run, interval, () -> {});
  }

  /**
   * Opens the journal of a run, or begins one.
   *
   * @param folder where it is, or will be when there is something to remember
   * @param run all that the results depend on, by stable names
   * @param interval work that may be lost; {@link #INTERVAL}, if there is no reason for another
   * @param resumed run once, when a pass first goes on with what an earlier run has saved
   * @return the journal; to be closed
   * @throws OtherRunException if the folder belongs to another run
   * @throws IOException if the folder is none of a journal, or is in use
   */
  public static JournalFolder open(
      Path folder, Map<String, String> run, Duration interval, Runnable resumed)
      throws IOException {
    requireNonNull(folder, "folder");
    requireNonNull(run, "run");
    requireNonNull(interval, "interval");
    requireNonNull(resumed, "resumed");
    JournalFiles files = new JournalFiles(folder);
    JournalFolder journal =
        new JournalFolder(files, ImmutableSortedMap.copyOf(run), interval, resumed);
    try {
      journal.lock = acquire(folder);
    } catch (InUseException | ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      journal.giveUp(e);
      return journal;
    }
    try {
      files.sweep();
      journal.takeUp();
      return journal;
    } catch (IOException | RuntimeException e) {
      journal.close();
      throw e;
    }
  }

  /** Another run has the journal. */
  private static final class InUseException extends FileSystemException {
    private static final long serialVersionUID = 1L;

    InUseException(Path folder) {
      super(
          folder.toString(),
          null,
          "is in use: another process or thread is at the same run; let that one end");
    }
  }

  private static JournalLock acquire(Path folder) throws IOException {
    return JournalLock.tryAcquire(folder).orElseThrow(() -> new InUseException(folder));
  }

  /** Refuses the journal of another run; one that does not say whose it is begins anew. */
  private void takeUp() throws IOException {
    if (!files.exist()) {
      return;
    }
    Optional<ImmutableSortedMap<String, String>> other = files.run();
    if (other.isEmpty()) {
      LOG.warn("{}: its {} is damaged, so that what it knew is done again", this, RunFile.NAME);
      files.delete();
      return;
    }
    for (String name : Sets.union(other.get().keySet(), run.keySet())) {
      String there = other.get().getOrDefault(name, "none");
      String here = run.getOrDefault(name, "none");
      if (!there.equals(here)) {
        throw new OtherRunException(files.folder(), name, there, here);
      }
    }
  }

  /**
   * Deletes the journal of whatever run is there.
   *
   * @param folder where it is; need not exist
   * @throws IOException if it is no journal, is in use or cannot be deleted
   */
  public static void delete(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    JournalFiles files = new JournalFiles(folder);
    if (files.exist()) {
      JournalLock held = acquire(folder);
      try {
        files.delete();
      } finally {
        held.close();
      }
    }
  }

  /**
   * Tells whether a run that is interrupted now would go on from what was saved.
   *
   * @param folder of the journal; need not exist
   * @return whether a pass is in it
   */
  public static boolean hasPasses(Path folder) {
    requireNonNull(folder, "folder");
    return new JournalFiles(folder).hasStates();
  }

  @Override
  public Optional<PassState> find(String pass) throws IOException {
    if (lock == null) {
      return Optional.empty();
    }
    try {
      return StateFile.read(files.state(pass));
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      LOG.warn("{}: cannot be read ({}), so that {} is done again", this, reason(e), pass);
      return Optional.empty();
    }
  }

  @Override
  public Optional<JsonElement> findings(String pass) throws IOException {
    return find(pass).filter(PassState::isOver).map(PassState::findings);
  }

  @Override
  public Optional<PassState> resume(String pass, Resumption resumption) throws IOException {
    return told(Journal.super.resume(pass, resumption));
  }

  @Override
  public <T> Optional<T> findings(String pass, Function<JsonNode, T> reader) throws IOException {
    return told(Journal.super.findings(pass, reader));
  }

  private <T> Optional<T> told(Optional<T> found) {
    if (found.isPresent() && !hasResumed) {
      hasResumed = true;
      resumed.run();
    }
    return found;
  }

  @Override
  public void saveIfDue(String pass, Supplier<PassState> state) throws IOException {
    if (isDue()) {
      save(pass, state.get());
    }
  }

  private boolean isDue() {
    return !givenUp && sinceSaving.elapsed().compareTo(interval) >= 0;
  }

  @Override
  public void finish(String pass, JsonElement findings) throws IOException {
    if (isDue() || !givenUp && Files.exists(files.state(pass))) {
      save(pass, PassState.over(findings));
    }
  }

  private void save(String pass, PassState state) throws IOException {
    Stopwatch saving = Stopwatch.createStarted();
    try {
      files.create(run);
      StateFile.write(files.state(pass), state);
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      giveUp(e);
    }
    Duration pause = saving.elapsed().multipliedBy(WORK_PER_SAVING);
    if (!interval.isZero() && pause.compareTo(interval) > 0) {
      interval = pause;
    }
    sinceSaving.reset().start();
  }

  @Override
  public Optional<Path> file(String name) throws IOException {
    if (givenUp) {
      return Optional.empty();
    }
    try {
      files.create(run);
      return Optional.of(files.kept(name));
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      giveUp(e);
      return Optional.empty();
    }
  }

  private void giveUp(IOException problem) {
    givenUp = true;
    LOG.warn(
        "{}: cannot be written ({}); the run goes on without it: what it does from here on is lost"
            + " if it is interrupted",
        this,
        reason(problem));
  }

  private static String reason(IOException problem) {
    if (problem instanceof NoSuchFileException file) {
      return "no such folder: " + file.getFile();
    }
    if (problem instanceof AccessDeniedException file) {
      return "permission denied: " + file.getFile();
    }
    return problem instanceof FileSystemException file && file.getReason() != null
        ? file.getReason()
        : String.valueOf(problem.getMessage());
  }

  /** Deletes what was saved, when the run is over and nothing is left to go on with. */
  public void forget() {
    if (lock == null || !files.exist()) {
      return;
    }
    try {
      files.delete();
    } catch (IOException e) {
      LOG.warn("{}: cannot be deleted ({}); it is of no more use", this, reason(e));
    }
  }

  /** Lets other runs have it. What was saved stays. */
  @Override
  public void close() throws IOException {
    if (lock != null) {
      lock.close();
      lock = null;
    }
  }

  @Override
  public String toString() {
    return files.folder().toString();
  }
}

package org.minillm.core.journal;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Sets;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The journal of one run in a folder of its own, which appears with the first state that is saved:
 * a run of a few seconds leaves no trace. The folder says which run it belongs to; another is
 * refused by name. One process at a time may have it open.
 */
public final class JournalFolder implements Journal, Closeable {

  /** Work that may be lost; less often than that nothing is saved. */
  public static final Duration INTERVAL = Duration.ofSeconds(10);

  /** A saving is followed by at least so many times as long without one: at most 5% are lost. */
  private static final int WORK_PER_SAVING = 20;

  private static final String RUN = "run.json";
  private static final String STATE = ".state";

  private final Path folder;
  private final ImmutableSortedMap<String, String> run;
  private final Stopwatch sinceSaving = Stopwatch.createStarted();
  private Duration interval;
  private @Nullable FileChannel lock;

  private JournalFolder(Path folder, ImmutableSortedMap<String, String> run, Duration interval) {
    this.folder = folder;
    this.run = run;
    this.interval = interval;
  }

  /**
   * Opens the journal of a run, or begins one.
   *
   * @param folder where it is, or will be when there is something to remember
   * @param run all that the results depend on, by stable names
   * @param interval work that may be lost; {@link #INTERVAL}, if there is no reason for another
   * @return the journal; to be closed
   * @throws IOException if the folder belongs to another run, is none of a journal, or is in use
   */
  public static JournalFolder open(Path folder, Map<String, String> run, Duration interval)
      throws IOException {
    requireNonNull(folder, "folder");
    requireNonNull(run, "run");
    requireNonNull(interval, "interval");
    JournalFolder journal = new JournalFolder(folder, ImmutableSortedMap.copyOf(run), interval);
    if (Files.exists(folder)) {
      journal.requireSameRun();
      journal.lock();
    }
    return journal;
  }

  private void requireSameRun() throws IOException {
    Path file = folder.resolve(RUN);
    if (!Files.isRegularFile(file)) {
      throw refusal("exists and is no journal of a run (no " + RUN + "); move it away");
    }
    Map<String, String> other = written(file);
    for (String name : Sets.union(other.keySet(), run.keySet())) {
      String there = other.getOrDefault(name, "none");
      String here = run.getOrDefault(name, "none");
      if (!there.equals(here)) {
        throw refusal(
            String.format(
                "is the journal of another run that was interrupted: %s is %s there and %s here;"
                    + " start that run again to finish it, or give --restart (deletes the journal)",
                name, there, here));
      }
    }
  }

  private Map<String, String> written(Path file) throws IOException {
    try {
      JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
      Map<String, String> facts = new TreeMap<>();
      json.entrySet().forEach(fact -> facts.put(fact.getKey(), fact.getValue().getAsString()));
      return facts;
    } catch (JsonParseException | IllegalStateException e) {
      throw refusal("its " + RUN + " is damaged; delete the folder to begin anew");
    }
  }

  private FileSystemException refusal(String reason) {
    return new FileSystemException(folder.toString(), null, reason);
  }

  private void lock() throws IOException {
    FileChannel channel = FileChannel.open(folder.resolve(RUN), StandardOpenOption.WRITE);
    FileLock held;
    try {
      held = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      held = null;
    }
    if (held == null) {
      channel.close();
      throw refusal("is in use: another process runs the same command");
    }
    lock = channel;
  }

  /**
   * Deletes the journal of whatever run is there.
   *
   * @param folder where it is; need not exist
   * @throws IOException if it is no journal, is in use or cannot be deleted
   */
  public static void delete(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    if (!Files.exists(folder)) {
      return;
    }
    JournalFolder journal = new JournalFolder(folder, ImmutableSortedMap.of(), INTERVAL);
    if (!Files.isRegularFile(folder.resolve(RUN))) {
      throw journal.refusal("exists and is no journal of a run (no " + RUN + "); move it away");
    }
    journal.lock();
    journal.close();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        // the name of the run last: a journal that is half deleted is still one
        if (!file.endsWith(RUN)) {
          Files.delete(file);
        }
      }
    }
    Files.delete(folder.resolve(RUN));
    Files.delete(folder);
  }

  @Override
  public Optional<PassState> find(String pass) throws IOException {
    return StateFile.read(folder.resolve(pass + STATE));
  }

  @Override
  public Optional<JsonElement> findings(String pass) throws IOException {
    return find(pass).filter(PassState::isOver).map(PassState::findings);
  }

  @Override
  public void saveIfDue(String pass, Supplier<PassState> state) throws IOException {
    if (isDue()) {
      save(pass, state.get());
    }
  }

  private boolean isDue() {
    return sinceSaving.elapsed().compareTo(interval) >= 0;
  }

  @Override
  public void finish(String pass, JsonElement findings) throws IOException {
    if (isDue() || Files.exists(folder.resolve(pass + STATE))) {
      save(pass, PassState.over(findings));
    }
  }

  private void save(String pass, PassState state) throws IOException {
    create();
    Stopwatch saving = Stopwatch.createStarted();
    StateFile.write(folder.resolve(pass + STATE), state);
    Duration pause = saving.elapsed().multipliedBy(WORK_PER_SAVING);
    if (!interval.isZero() && pause.compareTo(interval) > 0) {
      interval = pause;
    }
    sinceSaving.reset().start();
  }

  @Override
  public Optional<Path> file(String name) throws IOException {
    create();
    return Optional.of(folder.resolve(name));
  }

  /** Makes the folder with the name of its run in it, at once. */
  private void create() throws IOException {
    if (lock != null) {
      return;
    }
    JsonObject json = new JsonObject();
    run.forEach(json::addProperty);
    Path part = folder.resolveSibling(folder.getFileName() + ".part");
    Files.createDirectories(part);
    Files.writeString(part.resolve(RUN), json.toString());
    Files.move(part, folder, StandardCopyOption.ATOMIC_MOVE);
    lock();
  }

  /** Lets other processes have it. What was saved stays. */
  @Override
  public void close() throws IOException {
    if (lock != null) {
      lock.close();
      lock = null;
    }
  }

  @Override
  public String toString() {
    return folder.toString();
  }
}

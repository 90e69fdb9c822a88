package org.minillm.core.journal;

import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.minillm.core.files.JsonNode;
import org.slf4j.LoggerFactory;

/**
 * Remembers how far the passes of a run have come. A pass is either on its way, with the streams
 * that it goes on from, or over, with what it has found. What cannot be read or does not fit counts
 * as not remembered: the work is done again.
 */
public interface Journal {

  /** Remembers nothing. */
  Journal NONE =
      new Journal() {
        @Override
        public Optional<PassState> find(String pass) {
          return Optional.empty();
        }

        @Override
        public Optional<JsonElement> findings(String pass) {
          return Optional.empty();
        }

        @Override
        public void saveIfDue(String pass, Supplier<PassState> state) {}

        @Override
        public void finish(String pass, JsonElement findings) {}

        @Override
        public Optional<Path> file(String name) {
          return Optional.empty();
        }
      };

  /**
   * Looks up a pass that may be on its way.
   *
   * @param pass its name in this run
   * @return how far it had come, its streams still in the file; empty where nothing is known or
   *     what was written is damaged
   * @throws IOException if the thread is interrupted
   */
  Optional<PassState> find(String pass) throws IOException;

  /**
   * Looks up a pass that may be over.
   *
   * @param pass its name in this run
   * @return what it had found; empty where it is not over
   * @throws IOException if the thread is interrupted
   */
  Optional<JsonElement> findings(String pass) throws IOException;

  /** Takes over what an earlier run has saved of a pass. */
  @FunctionalInterface
  interface Resumption {

    /**
     * Takes a state over, all of it or nothing.
     *
     * @param state what was saved
     * @throws IOException if a file that belongs to it cannot be read
     * @throws IllegalArgumentException if the pass cannot go on from there; nothing was taken over
     */
    void take(PassState state) throws IOException;
  }

  /**
   * Looks up a pass, and lets it go on where it was.
   *
   * @param pass its name in this run
   * @param resumption takes over what was saved
   * @return what was taken over; empty where nothing is known that fits: the pass begins anew
   * @throws IOException if a file that belongs to the state cannot be read
   */
  default Optional<PassState> resume(String pass, Resumption resumption) throws IOException {
    Optional<PassState> earlier = find(pass);
    try {
      if (earlier.isPresent()) {
        resumption.take(earlier.get());
      }
      return earlier;
    } catch (IllegalArgumentException e) {
      warnOfMisfit(pass, e);
      return Optional.empty();
    }
  }

  /**
   * Looks up a pass that may be over, and reads what it has found.
   *
   * @param pass its name in this run
   * @param reader makes of the findings what the pass needs; it refuses what the pass does not find
   *     with an {@link IllegalArgumentException}
   * @param <T> what is read
   * @return what was read; empty where nothing is known that fits
   * @throws IOException if the thread is interrupted
   */
  default <T> Optional<T> findings(String pass, Function<JsonNode, T> reader) throws IOException {
    Optional<JsonElement> earlier = findings(pass);
    try {
      return earlier.map(found -> reader.apply(new JsonNode("", found)));
    } catch (IllegalArgumentException e) {
      warnOfMisfit(pass, e);
      return Optional.empty();
    }
  }

  private void warnOfMisfit(String pass, IllegalArgumentException problem) {
    LoggerFactory.getLogger(Journal.class)
        .warn(
            "{}: what it knew of {} does not fit ({}), so that it is done again",
            this,
            pass,
            problem.getMessage());
  }

  /**
   * Remembers a pass that is on its way, in the place of what was remembered of it; if enough work
   * was done since the last time.
   *
   * @param pass its name in this run
   * @param state how far it has come; asked for only when it is written
   * @throws IOException if the thread is interrupted
   */
  void saveIfDue(String pass, Supplier<PassState> state) throws IOException;

  /**
   * Remembers that a pass is over, unless it was so short that nothing was remembered of it.
   *
   * @param pass its name in this run
   * @param findings what it has found
   * @throws IOException if the thread is interrupted
   */
  void finish(String pass, JsonElement findings) throws IOException;

  /**
   * Names a file that a pass may keep beside its state.
   *
   * @param name without folder
   * @return a path that stays until the run is over; empty where nothing stays
   * @throws IOException if the thread is interrupted
   */
  Optional<Path> file(String name) throws IOException;
}

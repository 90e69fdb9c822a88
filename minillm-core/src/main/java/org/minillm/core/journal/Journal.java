package org.minillm.core.journal;

import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Remembers how far the passes of a run have come. A pass is either on its way, with the streams
 * that it goes on from, or over, with what it has found.
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
   * @throws IOException if the disk cannot be read
   */
  Optional<PassState> find(String pass) throws IOException;

  /**
   * Looks up a pass that may be over.
   *
   * @param pass its name in this run
   * @return what it had found; empty where it is not over
   * @throws IOException if the disk cannot be read
   */
  Optional<JsonElement> findings(String pass) throws IOException;

  /**
   * Remembers a pass that is on its way, in the place of what was remembered of it; if enough work
   * was done since the last time.
   *
   * @param pass its name in this run
   * @param state how far it has come; asked for only when it is written
   * @throws IOException if the disk is full
   */
  void saveIfDue(String pass, Supplier<PassState> state) throws IOException;

  /**
   * Remembers that a pass is over, unless it was so short that nothing was remembered of it.
   *
   * @param pass its name in this run
   * @param findings what it has found
   * @throws IOException if the disk is full
   */
  void finish(String pass, JsonElement findings) throws IOException;

  /**
   * Names a file that a pass may keep beside its state.
   *
   * @param name without folder
   * @return a path that stays until the run is over; empty where nothing stays
   * @throws IOException if there is no place for it
   */
  Optional<Path> file(String name) throws IOException;
}

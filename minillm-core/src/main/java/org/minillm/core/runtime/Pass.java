package org.minillm.core.runtime;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import java.io.IOException;
import java.util.List;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.Findings;

/**
 * One walk through the layers, from the first on: the streams that it takes along, and what it does
 * at a layer. A {@link PassRunner} opens the layers, resumes, saves and gives memory back.
 *
 * <p>At a layer there are two steps: it observes, which has no side effect but sums over
 * micro-batches, and it decides, once, by the sums.
 */
public interface Pass extends Findings, AutoCloseable {

  /**
   * Names the pass among those of a run.
   *
   * @return letters, digits and dashes: it is a file's name in the journal
   */
  String name();

  /**
   * Tells how far it goes.
   *
   * @return the number of layers
   */
  int layers();

  /**
   * Returns the streams that it takes along, which are embedded when it begins.
   *
   * @return the same ones, in the same order, whenever it is asked
   */
  List<ResidualStream> streams();

  /**
   * Observes a layer, decides, and takes the streams through it.
   *
   * @param layer open during the call
   * @throws IOException if the checkpoint or a scratch file cannot be read, or not be written
   */
  void layer(Layer layer) throws IOException;

  /**
   * Finishes when all layers are passed: with the language head, for one. Nothing, unless
   * overridden.
   *
   * @throws IOException if the checkpoint cannot be read
   */
  default void end() throws IOException {}

  /** Nothing, unless overridden: its streams tell. */
  @Override
  default JsonElement toJson() {
    return JsonNull.INSTANCE;
  }

  /** Nothing, unless overridden: its streams tell. */
  @Override
  default void resume(int layers, JsonNode json) throws IOException {}

  /** Frees the streams. */
  @Override
  default void close() {
    streams().forEach(ResidualStream::close);
  }
}

package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.PassState;

/**
 * The streams of a pass in its journal: those that are one are there once, those that have not
 * begun are not there.
 */
final class SavedStreams {

  private static final String STREAMS = "streams";
  private static final String FINDINGS = "findings";

  /** Of a stream that has not begun. */
  private static final int NOWHERE = -1;

  private final List<ResidualStream> streams;
  private final List<Integer> places;
  private final ArraySource arrays;
  private final JsonNode findings;

  private SavedStreams(
      List<ResidualStream> streams, List<Integer> places, ArraySource arrays, JsonNode findings) {
    this.streams = streams;
    this.places = places;
    this.arrays = arrays;
    this.findings = findings;
  }

  /** Says where a pass stands between two layers; its arrays are gone after the next one. */
  static PassState of(Pass pass, int layers) {
    List<ResidualStream> apart = new ArrayList<>();
    JsonArray places = new JsonArray();
    for (ResidualStream stream : pass.streams()) {
      places.add(place(stream, apart));
    }
    JsonObject json = new JsonObject();
    json.add(STREAMS, places);
    json.add(FINDINGS, pass.toJson());
    return new PassState(layers, json, ArraySource.concat(apart));
  }

  private static int place(ResidualStream stream, List<ResidualStream> apart) {
    if (!stream.hasBegun()) {
      return NOWHERE;
    }
    for (int i = 0; i < apart.size(); i++) {
      if (apart.get(i).isOneWith(stream)) {
        return i;
      }
    }
    apart.add(stream);
    return apart.size() - 1;
  }

  /**
   * Reads what was saved of a pass.
   *
   * @throws IllegalArgumentException if its streams are others
   */
  static SavedStreams in(PassState state, Pass pass) {
    List<ResidualStream> streams = pass.streams();
    JsonNode json = new JsonNode("", state.findings());
    List<Integer> places = json.get(STREAMS).items().stream().map(JsonNode::integer).toList();
    checkArgument(places.size() == streams.size(), "%s streams of %s", places, streams.size());
    List<Shape> shapes = new ArrayList<>();
    int apart = 0;
    for (int i = 0; i < streams.size(); i++) {
      int place = places.get(i);
      checkArgument(place >= NOWHERE && place <= apart, "streams %s", places);
      if (place == apart) {
        apart++;
        shapes.addAll(streams.get(i).shapes());
      } else if (place != NOWHERE) {
        ResidualStream first = streams.get(places.indexOf(place));
        checkArgument(first.isOneWith(streams.get(i)), "streams that never were one: %s", places);
      }
    }
    checkArgument(state.streams().shapes().equals(shapes), "streams of other shapes");
    return new SavedStreams(streams, places, state.streams(), json.get(FINDINGS));
  }

  JsonNode findings() {
    return findings;
  }

  /** Lets the streams stand where they stood. */
  void restore() throws IOException {
    int array = 0;
    for (int i = 0; i < streams.size(); i++) {
      int place = places.get(i);
      if (place != NOWHERE && places.indexOf(place) == i) {
        ResidualStream stream = streams.get(i);
        for (int later = i + 1; later < streams.size(); later++) {
          if (places.get(later) != place) {
            partFrom(stream, streams.get(later));
          }
        }
        stream.standWhere(arrays, array);
        array += stream.shapes().size();
      }
    }
  }

  /** A later stream stands elsewhere, or nowhere. */
  private static void partFrom(ResidualStream stream, ResidualStream later) {
    if (stream.isOneWith(later)) {
      later.part();
    }
  }
}

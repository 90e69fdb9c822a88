package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SortedMap;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/** The JSON objects that stand in files of their own, laid out as Hugging Face does. */
public final class JsonFiles {

  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().serializeNulls().create();

  private JsonFiles() {}

  /**
   * Reads a file. Number literals are kept as they are written.
   *
   * @param file one JSON object in UTF-8
   * @return the object
   * @throws IOException if there is no such file, or something else in it; the message says what
   */
  public static JsonObject read(Path file) throws IOException {
    requireNonNull(file, "file");
    try {
      return JsonNode.read(file, JsonNode::object);
    } catch (MalformedFileException e) {
      throw new MalformedCheckpointException(String.valueOf(e.getMessage()), e);
    }
  }

  static String render(JsonElement json) {
    return GSON.toJson(json) + "\n";
  }

  static JsonObject strings(SortedMap<String, String> values) {
    JsonObject json = new JsonObject();
    values.forEach(json::addProperty);
    return json;
  }
}

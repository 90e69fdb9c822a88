package org.minillm.core.checkpoint;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;

/** The JSON objects that stand in files of their own, laid out as Hugging Face does. */
public final class JsonFiles {

  private static final Gson GSON =
      new GsonBuilder()
          .setPrettyPrinting()
          .disableHtmlEscaping()
          .serializeNulls()
          .setStrictness(Strictness.STRICT)
          .create();

  private JsonFiles() {}

  /**
   * Reads a file. Number literals are kept as they are written.
   *
   * @param file one JSON object in UTF-8
   * @return the object
   * @throws IOException if there is no such file, or something else in it; the message says what
   */
  public static JsonObject read(Path file) throws IOException {
    JsonElement json;
    try {
      json = GSON.fromJson(Files.readString(file), JsonElement.class);
    } catch (CharacterCodingException | JsonParseException e) {
      throw new MalformedCheckpointException(
          file + ": not valid JSON in UTF-8: " + e.getMessage(), e);
    }
    if (json == null || !json.isJsonObject()) {
      throw new MalformedCheckpointException(file + ": expected a JSON object");
    }
    return json.getAsJsonObject();
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

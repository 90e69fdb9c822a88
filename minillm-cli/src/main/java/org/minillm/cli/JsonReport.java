package org.minillm.cli;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** Results as one flat JSON object, its keys in the order of the calls. */
final class JsonReport {

  private static final Pattern SNAKE_CASE = Pattern.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*");

  private static final Gson GSON =
      new GsonBuilder().setPrettyPrinting().serializeNulls().disableHtmlEscaping().create();

  private final JsonObject values = new JsonObject();

  /**
   * Adds a number. JSON knows neither infinity nor NaN: they become null.
   *
   * @param key new, in snake_case
   * @param value the number
   * @return this
   */
  JsonReport put(String key, Number value) {
    check(key);
    values.add(
        key, Double.isFinite(value.doubleValue()) ? new JsonPrimitive(value) : JsonNull.INSTANCE);
    return this;
  }

  /**
   * Adds a number that may be unknown.
   *
   * @param key new, in snake_case
   * @param value the number; null where it is empty
   * @return this
   */
  JsonReport put(String key, OptionalLong value) {
    return value.isPresent() ? put(key, value.getAsLong()) : put(key, Double.NaN);
  }

  /**
   * Adds a text.
   *
   * @param key new, in snake_case
   * @param value the text
   * @return this
   */
  JsonReport put(String key, String value) {
    check(key);
    values.addProperty(key, value);
    return this;
  }

  /**
   * Adds a truth value.
   *
   * @param key new, in snake_case
   * @param value true or false
   * @return this
   */
  JsonReport put(String key, boolean value) {
    check(key);
    values.addProperty(key, value);
    return this;
  }

  @Override
  public String toString() {
    return GSON.toJson(values);
  }

  private void check(String key) {
    checkArgument(SNAKE_CASE.matcher(key).matches(), "JSON key %s: expected snake_case", key);
    checkArgument(!values.has(key), "JSON key %s: given twice", key);
  }
}

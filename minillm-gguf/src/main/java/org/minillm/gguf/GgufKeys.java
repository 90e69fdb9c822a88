package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * The metadata of a file that was read, asked for by key.
 *
 * @param file for messages
 * @param values by key
 */
record GgufKeys(Path file, ImmutableMap<String, GgufValue> values) {

  /** What a message quotes. */
  private static final int MAX_QUOTE = 100;

  MalformedFileException refuse(String what) {
    return new MalformedFileException(file + ": " + what);
  }

  boolean has(String key) {
    return values.containsKey(key);
  }

  Optional<String> text(String key) throws MalformedFileException {
    return value(key, String.class, "a text");
  }

  String requiredText(String key) throws MalformedFileException {
    return text(key).orElseThrow(() -> missing(key));
  }

  Optional<Boolean> flag(String key) throws MalformedFileException {
    return value(key, Boolean.class, "true or false");
  }

  Optional<Double> number(String key) throws MalformedFileException {
    GgufValue found = values.get(key);
    if (found != null && found.value() instanceof Long whole) {
      return Optional.of((double) whole);
    }
    Optional<Double> number = value(key, Double.class, "a number");
    if (number.isPresent() && !Double.isFinite(number.get())) {
      throw refuse(key + " is " + number.get());
    }
    return number;
  }

  /** A whole number of at least 0. */
  Optional<Integer> count(String key) throws MalformedFileException {
    Optional<Long> found = value(key, Long.class, "a whole number");
    return found.isPresent() ? Optional.of(count(key, found.get())) : Optional.empty();
  }

  int requiredCount(String key) throws MalformedFileException {
    return count(key).orElseThrow(() -> missing(key));
  }

  /** One number for all layers, or one for each. */
  List<Integer> counts(String key, int layers) throws MalformedFileException {
    GgufValue found = values.get(key);
    if (found == null || !(found.value() instanceof GgufValue.Items items)) {
      return Collections.nCopies(layers, requiredCount(key));
    }
    if (items.values().size() != layers) {
      throw refuse(
          "%s has %d numbers, expected one for each of %d layers"
              .formatted(key, items.values().size(), layers));
    }
    Integer[] counts = new Integer[layers];
    for (int i = 0; i < layers; i++) {
      if (!(items.values().get(i) instanceof Long number)) {
        throw refuse(key + " has an entry that is no whole number");
      }
      counts[i] = count(key, number);
    }
    return List.of(counts);
  }

  /** The items of an array, all of one kind. */
  <T> List<T> items(String key, Class<T> kind) throws MalformedFileException {
    GgufValue found = values.get(key);
    if (found == null) {
      throw missing(key);
    }
    if (!(found.value() instanceof GgufValue.Items items)
        || !items.values().stream().allMatch(kind::isInstance)) {
      throw refuse(key + " is no array of " + kind.getSimpleName());
    }
    return items.values().stream().map(kind::cast).toList();
  }

  private int count(String key, long number) throws MalformedFileException {
    if (number < 0 || number > Integer.MAX_VALUE) {
      throw refuse(key + " is " + number + ", expected 0 to " + Integer.MAX_VALUE);
    }
    return Ints.checkedCast(number);
  }

  private <T> Optional<T> value(String key, Class<T> kind, String expected)
      throws MalformedFileException {
    GgufValue found = values.get(key);
    if (found == null) {
      return Optional.empty();
    }
    if (!kind.isInstance(found.value())) {
      throw refuse(
          "%s is %s, expected %s"
              .formatted(
                  key, JsonNode.shortened(String.valueOf(found.value()), MAX_QUOTE), expected));
    }
    return Optional.of(kind.cast(found.value()));
  }

  MalformedFileException missing(String key) {
    return refuse("no key " + key + ", expected a model's file");
  }
}

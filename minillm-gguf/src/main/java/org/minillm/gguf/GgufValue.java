package org.minillm.gguf;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import java.util.List;

/**
 * A value of the metadata.
 *
 * @param type what it is
 * @param value a {@code Long} for the integers, {@code Double} for the floats, {@code Boolean},
 *     {@code String}, or a {@link Items}
 */
record GgufValue(GgufValueType type, Object value) {

  /**
   * The items of an array, all of one type.
   *
   * @param type of each
   * @param values in their order, as {@link GgufValue#value}
   */
  record Items(GgufValueType type, ImmutableList<Object> values) {}

  // Refuses nulls.
  GgufValue {
    requireNonNull(type, "type");
    requireNonNull(value, "value");
  }

  static GgufValue uint32(long value) {
    return new GgufValue(GgufValueType.UINT32, value);
  }

  static GgufValue float32(double value) {
    return new GgufValue(GgufValueType.FLOAT32, value);
  }

  static GgufValue text(String value) {
    return new GgufValue(GgufValueType.STRING, value);
  }

  static GgufValue flag(boolean value) {
    return new GgufValue(GgufValueType.BOOL, value);
  }

  static GgufValue int32s(ImmutableIntArray values) {
    return new GgufValue(
        GgufValueType.ARRAY,
        new Items(
            GgufValueType.INT32,
            values.stream()
                .mapToObj(value -> (Object) (long) value)
                .collect(ImmutableList.toImmutableList())));
  }

  static GgufValue float32s(List<Float> values) {
    return new GgufValue(
        GgufValueType.ARRAY,
        new Items(
            GgufValueType.FLOAT32,
            values.stream()
                .map(value -> (Object) value.doubleValue())
                .collect(ImmutableList.toImmutableList())));
  }

  static GgufValue texts(List<String> values) {
    return new GgufValue(
        GgufValueType.ARRAY, new Items(GgufValueType.STRING, ImmutableList.copyOf(values)));
  }
}

package org.minillm.cli;

import java.util.Arrays;
import java.util.EnumSet;
import org.minillm.core.cut.Export;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.MemoryBudget;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Option values with a range: out of it is wrong usage, said before any work is done. */
final class OptionTypes {

  private OptionTypes() {}

  private static int integer(String value, int least) {
    try {
      int number = Integer.parseInt(value);
      if (number >= least) {
        return number;
      }
    } catch (NumberFormatException e) {
      // falls through to the one message
    }
    throw new TypeConversionException(
        "'" + value + "': expected a whole number of at least " + least);
  }

  private static double real(String value, double above, double below, String expected) {
    try {
      double number = Double.parseDouble(value);
      if (number > above && number < below) {
        return number;
      }
    } catch (NumberFormatException e) {
      // falls through to the one message
    }
    throw new TypeConversionException("'" + value + "': expected " + expected);
  }

  /** 1, 2, 3, …. */
  static final class Count implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String value) {
      return integer(value, 1);
    }
  }

  /** 0, 1, 2, …. */
  static final class Index implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String value) {
      return integer(value, 0);
    }
  }

  /** 1 to 1,024: the engine ends the process where it cannot make so many threads. */
  static final class Threads implements ITypeConverter<Integer> {

    private static final int MOST = 1024;

    @Override
    public Integer convert(String value) {
      int number = integer(value, 1);
      if (number > MOST) {
        throw new TypeConversionException("'" + value + "': expected at most " + MOST + " threads");
      }
      return number;
    }
  }

  /** 2, 3, 4, …: a window of one token predicts nothing. */
  static final class Window implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String value) {
      return integer(value, 2);
    }
  }

  /** Between 0 and 1, both excluded. */
  static final class Ratio implements ITypeConverter<Double> {
    @Override
    public Double convert(String value) {
      return real(value, 0, 1, "a number between 0 and 1, both excluded");
    }
  }

  /** Above 0. */
  static final class Positive implements ITypeConverter<Double> {
    @Override
    public Double convert(String value) {
      return real(value, 0, Double.POSITIVE_INFINITY, "a finite number above 0");
    }
  }

  /** One of the constants of an enum, written as its {@code toString} says. */
  abstract static class OneOf<E extends Enum<E>> implements ITypeConverter<E> {

    private final Class<E> type;

    OneOf(Class<E> type) {
      this.type = type;
    }

    @Override
    public E convert(String value) {
      return Arrays.stream(type.getEnumConstants())
          .filter(constant -> constant.toString().equals(value))
          .findFirst()
          .orElseThrow(
              () ->
                  new TypeConversionException(
                      "'" + value + "': expected one of " + EnumSet.allOf(type)));
    }
  }

  /** {@code channels}, {@code heads} or {@code both}. */
  static final class Groups extends OneOf<PrunedGroups> {
    Groups() {
      super(PrunedGroups.class);
    }
  }

  /** A program that loads models. */
  static final class ToolName extends OneOf<Tool> {
    ToolName() {
      super(Tool.class);
    }
  }

  /** The name of a form, with its settings after a colon. */
  static final class ExportForm implements ITypeConverter<Export> {
    @Override
    public Export convert(String value) {
      try {
        return Plugins.configured(Export.class, value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Bytes, with an optional k, m or g (powers of 1024): {@code 512m}, {@code 2g}. */
  static final class Memory implements ITypeConverter<MemoryBudget> {
    @Override
    public MemoryBudget convert(String value) {
      try {
        return MemoryBudget.parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}

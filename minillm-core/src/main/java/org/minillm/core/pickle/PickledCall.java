package org.minillm.core.pickle;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a pickle asks Python to call. It is not called: who reads the pickle decides what it means.
 *
 * <p>Compared by identity: a pickle may lead back to itself.
 */
public final class PickledCall {

  private final PickledGlobal function;
  private final ImmutableList<Object> arguments;
  private final Map<Object, Object> items = new LinkedHashMap<>();

  PickledCall(PickledGlobal function, ImmutableList<Object> arguments) {
    this.function = requireNonNull(function, "function");
    this.arguments = requireNonNull(arguments, "arguments");
  }

  /**
   * Returns what is called.
   *
   * @return a function or class of Python
   */
  public PickledGlobal function() {
    return function;
  }

  /**
   * Returns with what it is called.
   *
   * @return the arguments, {@link PickleReader#NONE} for Python's None
   */
  public ImmutableList<Object> arguments() {
    return arguments;
  }

  /**
   * Returns an argument.
   *
   * @param index from 0
   * @return the argument; null where there are fewer
   */
  public @Nullable Object argument(int index) {
    return index < arguments.size() ? arguments.get(index) : null;
  }

  /**
   * Returns what is put into the result afterwards, as into an OrderedDict.
   *
   * @return by key; live while the pickle is read
   */
  public Map<Object, Object> items() {
    return items;
  }
}

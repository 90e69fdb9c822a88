package org.minillm.core.pickle;

import static java.util.Objects.requireNonNull;

/**
 * The name of a function or class of Python.
 *
 * @param name with its module, such as {@code collections.OrderedDict}
 */
public record PickledGlobal(String name) {

  // Refuses null.
  public PickledGlobal {
    requireNonNull(name, "name");
  }
}

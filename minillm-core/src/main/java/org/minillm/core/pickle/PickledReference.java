package org.minillm.core.pickle;

import static java.util.Objects.requireNonNull;

/**
 * Something that stands outside of the pickle: Python's persistent id.
 *
 * <p>Compared by identity: a pickle may lead back to itself.
 */
public final class PickledReference {

  private final Object id;

  PickledReference(Object id) {
    this.id = requireNonNull(id, "id");
  }

  /**
   * Returns what it is known by.
   *
   * @return a value of the pickle, of PyTorch a tuple
   */
  public Object id() {
    return id;
  }
}

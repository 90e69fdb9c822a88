package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import java.util.Comparator;

/**
 * Names one pruning group of a model: a layer and a kind of unit. Ordered by layer, then by kind.
 *
 * @param layer the decoder layer, from 0
 * @param kind what the units are
 */
public record GroupId(int layer, GroupKind kind) implements Comparable<GroupId> {

  private static final Comparator<GroupId> ORDER =
      Comparator.comparingInt(GroupId::layer).thenComparing(GroupId::kind);

  // Refuses nulls.
  public GroupId {
    requireNonNull(kind, "kind");
  }

  @Override
  public int compareTo(GroupId other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return "layer " + layer + " " + kind.id();
  }
}

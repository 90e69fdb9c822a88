package org.minillm.cli;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableSet;
import org.minillm.core.architecture.GroupKind;

/** What {@code --groups} chooses between. */
enum PrunedGroups {
  CHANNELS(GroupKind.MLP_CHANNELS),
  HEADS(GroupKind.ATTENTION_HEADS),
  BOTH(GroupKind.MLP_CHANNELS, GroupKind.ATTENTION_HEADS);

  private final ImmutableSet<GroupKind> kinds;

  PrunedGroups(GroupKind... kinds) {
    this.kinds = ImmutableSet.copyOf(kinds);
  }

  ImmutableSet<GroupKind> kinds() {
    return kinds;
  }

  /** As it is written on the command line. */
  @Override
  public String toString() {
    return Ascii.toLowerCase(name());
  }
}

package org.minillm.core.plugin;

import java.util.Set;

/**
 * Something that {@link java.util.ServiceLoader} finds on the class path and a user chooses by
 * name. An implementation is public, has a public constructor without parameters, and is listed in
 * {@code META-INF/services}.
 */
public interface Plugin {

  /**
   * Returns the stable name, written into plans and reports and used to look the plug-in up.
   *
   * @return unique among the plug-ins of its kind
   */
  String name();

  /**
   * Returns names that earlier releases wrote, or under which the same stands elsewhere: a plug-in
   * is found by them, too.
   *
   * @return none, unless overridden
   */
  default Set<String> formerNames() {
    return Set.of();
  }
}

package org.minillm.core.plugin;

import com.google.common.collect.ImmutableSortedMap;
import java.util.Map;

/**
 * A plug-in with settings, given as text: {@code fms:aggregation=max}.
 *
 * @param <T> the kind of plug-in
 */
public interface ConfigurablePlugin<T extends ConfigurablePlugin<T>> extends Plugin {

  /**
   * Returns the settings, for the plan.
   *
   * @return names and values, accepted by {@link #with}; none by default
   */
  default Map<String, String> parameters() {
    return Map.of();
  }

  /**
   * Returns how earlier releases spelled settings, which are read so, too.
   *
   * @return the former name and the present one; none, unless overridden
   */
  default Map<String, String> formerParameters() {
    return Map.of();
  }

  /**
   * Returns this plug-in with other settings.
   *
   * @param parameters some of the names of {@link #parameters()}, with new values
   * @return a configured copy
   * @throws IllegalArgumentException if a name or value is not understood; the message lists what
   *     is
   */
  default T with(Map<String, String> parameters) {
    throw new IllegalArgumentException(
        name()
            + " has no parameter "
            + String.join(", ", parameters.keySet())
            + "; it takes "
            + (parameters().isEmpty() ? "none" : String.join(", ", parameters().keySet())));
  }

  /**
   * Says which plug-in was used and how it was set, for plans and manifests.
   *
   * @param key what it was used as, such as {@code criterion}
   * @return the name under the key, each setting under {@code key.setting}
   */
  default ImmutableSortedMap<String, String> provenance(String key) {
    ImmutableSortedMap.Builder<String, String> facts = ImmutableSortedMap.naturalOrder();
    facts.put(key, name());
    parameters().forEach((setting, value) -> facts.put(key + "." + setting, value));
    return facts.buildOrThrow();
  }
}

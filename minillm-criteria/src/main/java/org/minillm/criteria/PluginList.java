package org.minillm.criteria;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;

/**
 * Plug-ins as a setting of another: one, or several joined by {@code *}, each with its settings
 * after a colon, joined by {@code ;}. Commas are taken by the settings of the other.
 */
final class PluginList {

  private PluginList() {}

  static <T extends ConfigurablePlugin<T>> ImmutableList<T> parse(Class<T> kind, String text) {
    return Splitter.on('*')
        .omitEmptyStrings()
        .splitToStream(text)
        .map(spec -> plugin(kind, spec))
        .collect(toImmutableList());
  }

  static <T extends ConfigurablePlugin<T>> T plugin(Class<T> kind, String spec) {
    return Plugins.configured(kind, spec.replace(';', ','));
  }

  static String text(List<? extends ConfigurablePlugin<?>> plugins) {
    return plugins.stream().map(PluginList::text).collect(Collectors.joining("*"));
  }

  static String text(ConfigurablePlugin<?> plugin) {
    String settings =
        new TreeMap<>(plugin.parameters())
            .entrySet().stream()
                .map(setting -> setting.getKey() + "=" + setting.getValue())
                .collect(Collectors.joining(";"));
    return settings.isEmpty() ? plugin.name() : plugin.name() + ":" + settings;
  }
}

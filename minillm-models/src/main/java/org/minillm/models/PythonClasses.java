package org.minillm.models;

import static com.google.common.base.Preconditions.checkArgument;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.io.Resources;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;

/**
 * The classes of {@code modeling_minillm.py}: the stock ones of Hugging Face transformers with
 * sizes by layer, which stand in config.json under {@link LayerList#KEY}. A model of theirs has a
 * model_type and an architecture of its own, so that whoever does not know them refuses it.
 */
final class PythonClasses {

  private static final String MODEL_TYPE = "model_type";
  private static final String ARCHITECTURES = "architectures";
  private static final String AUTO_MAP = "auto_map";

  private static final String OWN_CLASS = "MiniLLM";

  private static final String CONFIGURATION = "configuration_minillm";
  private static final String MODELING = "modeling_minillm";

  /** What the names of a family's stock classes begin with, by its model_type. */
  private static final ImmutableMap<String, String> FAMILIES =
      ImmutableMap.of(
          "llama", "Llama",
          "mistral", "Mistral",
          "qwen2", "Qwen2",
          "qwen3", "Qwen3",
          "opt", "OPT",
          "bloom", "Bloom");

  private PythonClasses() {}

  /** Tells why a family cannot be written so; empty where it has a class. */
  static Optional<String> obstacle(String family) {
    return FAMILIES.containsKey(family) ? Optional.empty() : missing(family);
  }

  static Optional<String> missing(String family) {
    return Optional.of("there is no Python class for models of type \"" + family + "\"");
  }

  /**
   * Describes a model.
   *
   * @param config config.json of a model that the stock class can build
   * @param sizes of the family
   * @param layers what is built in place of its layers
   */
  static ModelCode code(JsonObject config, ModelConfig sizes, List<LayerShape> layers) {
    String family = sizes.modelType();
    Optional<String> obstacle = obstacle(family);
    checkArgument(obstacle.isEmpty(), "%s", obstacle.orElse(""));
    String name = OWN_CLASS + FAMILIES.get(family);
    String model = name + "ForCausalLM";
    config.addProperty(MODEL_TYPE, Architecture.WITH_CODE + family);
    config.add(ARCHITECTURES, listOf(model));
    JsonObject autoMap = new JsonObject();
    autoMap.addProperty("AutoConfig", CONFIGURATION + "." + name + "Config");
    autoMap.addProperty("AutoModelForCausalLM", MODELING + "." + model);
    config.add(AUTO_MAP, autoMap);
    config.add(LayerList.KEY, LayerList.render(layers, sizes.queryHeadsPerKeyValueHead()));
    ImmutableMap.Builder<String, String> files = ImmutableMap.builder();
    for (String file : ImmutableList.of(CONFIGURATION + ".py", MODELING + ".py")) {
      files.put(file, resource(file));
    }
    return new ModelCode(config, files.buildOrThrow());
  }

  /**
   * Describes the same model as the family's stock class would be, but for {@link LayerList#KEY}.
   *
   * @param config config.json, of a model with code or without, not changed
   * @return a copy
   */
  static JsonObject stock(JsonObject config) {
    JsonObject stock = config.deepCopy();
    String type = text(stock.get(MODEL_TYPE));
    if (type.startsWith(Architecture.WITH_CODE)) {
      stock.addProperty(MODEL_TYPE, type.substring(Architecture.WITH_CODE.length()));
      stock.remove(AUTO_MAP);
      JsonElement architectures = stock.get(ARCHITECTURES);
      if (architectures != null && architectures.isJsonArray()) {
        JsonArray names = new JsonArray();
        architectures.getAsJsonArray().forEach(name -> names.add(withoutOwn(text(name))));
        stock.add(ARCHITECTURES, names);
      }
    }
    return stock;
  }

  private static String withoutOwn(String name) {
    return name.startsWith(OWN_CLASS) ? name.substring(OWN_CLASS.length()) : name;
  }

  private static String text(JsonElement element) {
    return element != null && element.isJsonPrimitive() ? element.getAsString() : "";
  }

  private static JsonArray listOf(String item) {
    JsonArray list = new JsonArray();
    list.add(item);
    return list;
  }

  private static String resource(String file) {
    try {
      return Resources.toString(Resources.getResource(PythonClasses.class, file), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

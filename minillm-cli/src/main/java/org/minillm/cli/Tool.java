package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.cut.Export;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.CausalLm;

/**
 * A program that people run models with, and what it asks of a model. Where the rules come from
 * stands in docs/compatibility.md.
 */
enum Tool {
  /** Takes any number of heads where config.json says their width. */
  TRANSFORMERS_4("transformers4", StockLoader.TRANSFORMERS_4, "cut", "hf-code"),
  /** Wants the number of heads to divide the hidden size. */
  TRANSFORMERS_5("transformers5", StockLoader.TRANSFORMERS_5, "cut", "hf-code"),
  /** Wraps a model of transformers. */
  PEFT("peft", StockLoader.TRANSFORMERS_5, "cut", "hf-code"),
  /** Has sizes for each layer, in a file of its own form. */
  LLAMA_CPP("llama.cpp", StockLoader.TRANSFORMERS_5, "gguf"),
  /** Reads config.json as transformers does. */
  VLLM("vllm", StockLoader.TRANSFORMERS_5, "cut"),
  /** Optimum exports what transformers loads. */
  ONNX("onnx", StockLoader.TRANSFORMERS_5, "cut"),
  /** Runs in Java; of our families it has three. */
  JLAMA("jlama", StockLoader.TRANSFORMERS_5, "cut");

  private static final String GGUF = "gguf";

  private static final ImmutableSet<String> JLAMA_FAMILIES =
      ImmutableSet.of("llama", "mistral", "qwen2");

  private final String word;
  private final StockLoader loader;
  private final ImmutableList<String> forms;

  Tool(String word, StockLoader loader, String... forms) {
    this.word = word;
    this.loader = loader;
    this.forms = ImmutableList.copyOf(forms);
  }

  /** As the command line has it. */
  @Override
  public String toString() {
    return word;
  }

  /** Tells whether layers of different sizes are out of the question. */
  boolean needsEqualLayers() {
    return forms.size() == 1 && this != LLAMA_CPP;
  }

  /**
   * Whether a program loads a model.
   *
   * @param form the simplest form that it loads; empty where there is none
   * @param obstacle why it loads none, with the nearest setting that works; empty where it loads
   *     one
   */
  record Verdict(Optional<String> form, Optional<String> obstacle) {}

  /**
   * Tells whether it loads a model.
   *
   * @param model the dense one
   * @param layers the shapes in which it is, or will be
   */
  Verdict verdict(CausalLm model, List<LayerShape> layers) throws IOException {
    Optional<String> ofTheSimplest = Optional.empty();
    for (String form : forms) {
      Optional<String> obstacle = obstacle(form, model, layers);
      if (obstacle.isEmpty()) {
        return new Verdict(Optional.of(form), obstacle);
      }
      ofTheSimplest = ofTheSimplest.or(() -> obstacle);
    }
    return new Verdict(Optional.empty(), ofTheSimplest);
  }

  private Optional<String> obstacle(String form, CausalLm model, List<LayerShape> layers)
      throws IOException {
    if (this == JLAMA && !JLAMA_FAMILIES.contains(model.config().modelType())) {
      return Optional.of("it has no models of the family " + model.config().modelType());
    }
    Export export = Plugins.named(Export.class, form);
    Optional<String> unsayable = export.obstacle(model, layers);
    if (unsayable.isPresent() || form.equals(GGUF)) {
      return unsayable;
    }
    boolean equal = layers.stream().map(LayerShape::sizes).distinct().count() <= 1;
    // of the form cut without the code that it brings where it has to
    Optional<String> obstacle =
        form.equals("cut")
            ? model.decoder().stockLoaderObstacle(loader, layers)
            : export.stockLoaderObstacle(loader, model, layers);
    return obstacle.map(
        why ->
            equal
                ? why + "; prune another number of heads, or channels alone"
                : "layers differ in size; prune with --allocation uniform");
  }
}

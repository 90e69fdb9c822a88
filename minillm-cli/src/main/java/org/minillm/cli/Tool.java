package org.minillm.cli;

import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.cut.Export;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.CausalLm;

/**
 * A program that people run models with, and what it asks of a model. Where the rules come from
 * stands in docs/compatibility.md.
 */
enum Tool {
  /** Takes any number of heads where config.json says their width. */
  TRANSFORMERS_4("transformers4", "cut", Families.ALL),
  /** Wants the number of heads to divide the hidden size. */
  TRANSFORMERS_5("transformers5", "cut", Families.ALL),
  /** Wraps a model of transformers. */
  PEFT("peft", "cut", Families.ALL),
  /** Has sizes for each layer, in a file of its own form. */
  LLAMA_CPP("llama.cpp", "gguf", Families.ALL),
  /** Reads config.json as transformers does. */
  VLLM("vllm", "cut", Families.ALL),
  /** Optimum exports what transformers loads. */
  ONNX("onnx", "cut", Families.ALL),
  /** Runs in Java. */
  JLAMA("jlama", "cut", ImmutableSet.of("llama", "mistral", "qwen2"));

  /** The families that MiniLLM knows. */
  private static final class Families {
    private static final ImmutableSet<String> ALL =
        ImmutableSet.of("llama", "mistral", "qwen2", "qwen3", "opt", "bloom");
    private static final ImmutableSet<String> WITH_HEAD_WIDTH =
        ImmutableSet.of("llama", "mistral", "qwen2", "qwen3");
  }

  private final String word;
  private final String form;
  private final ImmutableSet<String> families;

  Tool(String word, String form, ImmutableSet<String> families) {
    this.word = word;
    this.form = form;
    this.families = families;
  }

  /** As the command line has it. */
  @Override
  public String toString() {
    return word;
  }

  /** The form that it reads. */
  String form() {
    return form;
  }

  /** Tells whether layers of different sizes are out of the question. */
  boolean needsEqualLayers() {
    return this != LLAMA_CPP;
  }

  /**
   * Tells why it would not load a model.
   *
   * @param model the dense one
   * @param layers the shapes in which it is, or will be
   * @return the reason, with the nearest setting that works; empty where it loads
   */
  Optional<String> obstacle(CausalLm model, List<LayerShape> layers) throws IOException {
    String family = model.config().modelType();
    if (!families.contains(family)) {
      return Optional.of("it has no models of the family " + family);
    }
    if (this == LLAMA_CPP) {
      return Plugins.named(Export.class, form).obstacle(model, layers);
    }
    boolean equal = layers.stream().map(LayerShape::sizes).distinct().count() <= 1;
    Optional<String> ofTheStrictest = model.decoder().stockLoaderObstacle(layers);
    if (!equal) {
      return Optional.of("layers differ in size; prune with --allocation uniform");
    }
    return this == TRANSFORMERS_4 && Families.WITH_HEAD_WIDTH.contains(family)
        ? Optional.empty()
        : ofTheStrictest.map(why -> why + "; prune another number of heads, or channels alone");
  }
}

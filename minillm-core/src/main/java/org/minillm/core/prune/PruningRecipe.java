package org.minillm.core.prune;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;

/**
 * How to prune, without what and how much: the plug-ins of each kind with their settings, and how
 * much text they read. {@link #best} is what the command line takes where nothing is chosen. A
 * recipe is immutable; it is written to a file and read from one ({@link #toJson}, {@link #read}),
 * and to one word and from it ({@link #toString}, {@link #parse}).
 *
 * <pre>{@code
 * PruningReport report = PruningRecipe.best().prune(model, 0.2, text, target);
 * }</pre>
 */
public final class PruningRecipe {

  /** Calibration windows, as many as the published figures are made with. */
  private static final int WINDOWS = 128;

  /** Tokens of a calibration window, likewise. */
  private static final int WINDOW_TOKENS = 128;

  private final ImmutableMap<GroupKind, ImportanceCriterion> criteria;
  private final @Nullable GradientEstimator gradient;
  private final @Nullable Restoration restoration;
  private final @Nullable Allocation chosenAllocation;
  private final Allocation allocation;
  private final int windows;
  private final int windowTokens;

  private PruningRecipe(Builder builder) {
    this.criteria = Maps.immutableEnumMap(builder.criteria);
    this.gradient = builder.gradient;
    this.restoration = builder.restoration;
    this.chosenAllocation = builder.allocation;
    this.allocation =
        chosenAllocation != null
            ? chosenAllocation
            : Plugins.named(Allocation.class, restoration == null ? "uniform" : "trapezoid");
    this.windows = builder.windows;
    this.windowTokens = builder.windowTokens;
  }

  /**
   * The recipe that keeps most of what was measured: optimal brain surgeon, restored by least
   * squares to the dense model's residual stream, the first and last layers whole. Its plug-ins
   * have their own default settings. What it was measured against is in docs/method.md.
   *
   * @return the recipe
   * @throws IllegalArgumentException if the plug-ins of minillm-criteria are not on the class path
   */
  public static PruningRecipe best() {
    return builder().build();
  }

  /**
   * The method of the MINI-LLM paper (arXiv 2407.11681): feature map sensitivity, its gradient
   * estimated by SPSA, equal parts of all layers, nothing restored.
   *
   * @return the recipe
   * @throws IllegalArgumentException if the plug-ins of minillm-criteria are not on the class path
   */
  public static PruningRecipe paper() {
    return builder().criterion("fms", Map.of()).restoration(null).build();
  }

  /**
   * Begins with the best recipe.
   *
   * @return a builder
   * @throws IllegalArgumentException if the plug-ins of minillm-criteria are not on the class path
   */
  public static Builder builder() {
    return new Builder()
        .criterion("obs", Map.of())
        .gradient(Plugins.named(GradientEstimator.class, "spsa"))
        .restoration(Plugins.named(Restoration.class, "least-squares"));
  }

  /**
   * Reads a recipe in one word: {@code
   * CRITERION[/HEAD_CRITERION][@GRADIENT][+RESTORATION][~ALLOCATION][^WINDOWSxTOKENS]}, each with
   * its settings after a colon where wanted, such as {@code fms:aggregation=max@spsa:probes=16} or
   * {@code obs/energy:tokens=stream+least-squares:lambda=0.4~global:mix=0.5}. A gradient that is
   * not named is spsa, a restoration none, an allocation uniform. {@code best} and {@code paper}
   * stand for {@link #best} and {@link #paper}.
   *
   * @param word the word
   * @param offered settings that the plug-ins are given where they have them, such as a seed
   * @return the recipe
   * @throws IllegalArgumentException if it is not of that form or names what is not there
   */
  public static PruningRecipe parse(String word, Map<String, String> offered) {
    requireNonNull(word, "word");
    requireNonNull(offered, "offered");
    return switch (word) {
      case "best" -> best().offered(offered);
      case "paper" -> paper().offered(offered);
      default -> RecipeWord.parse(word, offered);
    };
  }

  /**
   * Reads a recipe.
   *
   * @param file a JSON object of texts under the keys of {@link #settings}; what it does not name
   *     is as in the best recipe
   * @return the recipe
   * @throws IOException if the file cannot be read or is no recipe; the message says where
   */
  public static PruningRecipe read(Path file) throws IOException {
    requireNonNull(file, "file");
    return RecipeFile.read(file);
  }

  /**
   * Renders the recipe as a file.
   *
   * @return the JSON that {@link #read} reads, the same for equal recipes
   */
  public String toJson() {
    return RecipeFile.render(this);
  }

  /**
   * Lists all choices.
   *
   * @return names and values, under the keys that plans record: {@code criterion}, {@code
   *     criterion.damping}, {@code criterion.attention_heads}, {@code restoration}, …
   */
  public ImmutableSortedMap<String, String> settings() {
    ImmutableSortedMap.Builder<String, String> settings = ImmutableSortedMap.naturalOrder();
    criteria.forEach((kind, chosen) -> settings.putAll(chosen.provenance(RecipeFile.key(kind))));
    settings.putAll(
        gradient == null
            ? ImmutableMap.of(RecipeFile.GRADIENT, RecipeFile.NONE)
            : gradient.provenance(RecipeFile.GRADIENT));
    settings.putAll(
        restoration == null
            ? ImmutableMap.of(RecipeFile.RESTORATION, RecipeFile.NONE)
            : restoration.provenance(RecipeFile.RESTORATION));
    settings.putAll(allocation.provenance(RecipeFile.ALLOCATION));
    settings.put(RecipeFile.WINDOWS, Integer.toString(windows));
    settings.put(RecipeFile.WINDOW_TOKENS, Integer.toString(windowTokens));
    return settings.buildOrThrow();
  }

  /**
   * Returns what scores a kind of group.
   *
   * @param kind of the groups
   * @return the criterion
   */
  public ImportanceCriterion criterion(GroupKind kind) {
    return requireNonNull(criteria.get(kind));
  }

  /**
   * Returns what estimates the gradient, for criteria that ask for one.
   *
   * @return the estimator; empty where the gradient is to be 1 everywhere
   */
  public Optional<GradientEstimator> gradient() {
    return Optional.ofNullable(gradient);
  }

  /**
   * Returns what makes up for what goes.
   *
   * @return the restoration; empty for none
   */
  public Optional<Restoration> restoration() {
    return Optional.ofNullable(restoration);
  }

  /**
   * Returns what divides the ratio among the layers.
   *
   * @return the allocation
   */
  public Allocation allocation() {
    return allocation;
  }

  /**
   * Counts the calibration windows.
   *
   * @return at least 1; of a text that is shorter as many as it has
   */
  public int windows() {
    return windows;
  }

  /**
   * Counts the tokens of a calibration window.
   *
   * @return at least 2
   */
  public int windowTokens() {
    return windowTokens;
  }

  /**
   * Begins a pruner that prunes so.
   *
   * @param target how much is to be removed
   * @return a builder with the choices of this recipe
   */
  public StructuredPruner.Builder pruner(PruningTarget target) {
    StructuredPruner.Builder builder =
        StructuredPruner.builder(criterion(GroupKind.MLP_CHANNELS), target)
            .gradientEstimator(gradient)
            .restoration(restoration)
            .allocation(allocation);
    criteria.forEach(builder::criterion);
    return builder;
  }

  /**
   * Takes calibration windows from a text.
   *
   * @param source where the text came from, for the record
   * @param tokens the whole text
   * @return {@link #windows} evenly spaced ones, or as many as a shorter text has
   * @throws IllegalArgumentException if the text does not fill one window
   */
  public CalibrationSet calibrationSet(String source, int[] tokens) {
    int available = Math.max(1, tokens.length / windowTokens);
    return CalibrationSet.evenlySpaced(source, tokens, Math.min(windows, available), windowTokens);
  }

  /**
   * Prunes the MLP channels of a model, from folder to folder.
   *
   * @param model folder of the checkpoint; only read
   * @param ratio of the channels' parameters to remove, between 0 and 1
   * @param text UTF-8, on which importance is measured: best some hundred kilobytes of what the
   *     model will be used on
   * @param target the folder to write; must not exist
   * @return what was removed
   * @throws IOException if a file cannot be read or written
   */
  public PruningReport prune(Path model, double ratio, Path text, Path target) throws IOException {
    try (CausalLm lm = CausalLm.open(model);
        Tokenizer tokenizer = lm.tokenizer()) {
      CalibrationSet data =
          calibrationSet(text.getFileName().toString(), tokenizer.encodeFile(text));
      StructuredPruner pruner = pruner(PruningTarget.of(ratio, GroupKind.MLP_CHANNELS)).build();
      return pruner.apply(lm, pruner.plan(lm, data), data, target);
    }
  }

  /**
   * Returns this recipe with settings for those plug-ins that have them.
   *
   * @param offered names and values, such as a seed
   * @return the recipe; the plug-ins that know none of the names are as they were
   * @throws IllegalArgumentException if a value is not understood
   */
  public PruningRecipe offered(Map<String, String> offered) {
    requireNonNull(offered, "offered");
    Builder builder = toBuilder();
    criteria.forEach((kind, chosen) -> builder.criterion(kind, Plugins.offered(chosen, offered)));
    if (chosenAllocation != null) {
      builder.allocation(Plugins.offered(chosenAllocation, offered));
    }
    return builder
        .gradient(gradient == null ? null : Plugins.offered(gradient, offered))
        .restoration(restoration == null ? null : Plugins.offered(restoration, offered))
        .build();
  }

  /**
   * Begins with this recipe. An allocation that was not chosen is still to follow from whether
   * something is restored.
   *
   * @return a builder
   */
  public Builder toBuilder() {
    Builder builder = new Builder();
    criteria.forEach(builder::criterion);
    builder.allocation = chosenAllocation;
    return builder.gradient(gradient).restoration(restoration).calibration(windows, windowTokens);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PruningRecipe recipe && settings().equals(recipe.settings());
  }

  @Override
  public int hashCode() {
    return settings().hashCode();
  }

  /**
   * Returns the recipe in one word.
   *
   * @return what {@link #parse} reads, with all settings
   */
  @Override
  public String toString() {
    return RecipeWord.render(this);
  }

  /** Gathers the choices of a {@link PruningRecipe}. */
  public static final class Builder {

    private final Map<GroupKind, ImportanceCriterion> criteria = new EnumMap<>(GroupKind.class);
    private @Nullable GradientEstimator gradient;
    private @Nullable Restoration restoration;
    private @Nullable Allocation allocation;
    private int windows = WINDOWS;
    private int windowTokens = WINDOW_TOKENS;

    private Builder() {}

    /**
     * Chooses one criterion for all kinds of groups by its text. Settings that are not named are
     * those that the criterion has for each kind ({@link ImportanceCriterion#defaultsFor}).
     *
     * @param spec its name, and after a colon its settings
     * @param offered settings that it is given where it has them
     * @return this
     * @throws IllegalArgumentException if there is no such criterion or setting
     */
    public Builder criterion(String spec, Map<String, String> offered) {
      requireNonNull(spec, "spec");
      requireNonNull(offered, "offered");
      for (GroupKind kind : GroupKind.values()) {
        criterion(kind, spec, offered);
      }
      return this;
    }

    /**
     * Chooses the criterion of one kind of groups by its text.
     *
     * @param kind of the groups
     * @param spec its name, and after a colon its settings
     * @param offered settings that it is given where it has them
     * @return this
     * @throws IllegalArgumentException if there is no such criterion or setting
     */
    public Builder criterion(GroupKind kind, String spec, Map<String, String> offered) {
      requireNonNull(kind, "kind");
      requireNonNull(spec, "spec");
      requireNonNull(offered, "offered");
      ImportanceCriterion named =
          Plugins.named(ImportanceCriterion.class, PluginSpec.parse(spec).name());
      return criterion(kind, Plugins.configured(named.defaultsFor(kind), spec, offered));
    }

    /**
     * Chooses the criterion of one kind of groups.
     *
     * @param kind of the groups
     * @param chosen scores them
     * @return this
     */
    public Builder criterion(GroupKind kind, ImportanceCriterion chosen) {
      requireNonNull(kind, "kind");
      requireNonNull(chosen, "chosen");
      criteria.put(kind, chosen);
      return this;
    }

    /**
     * Chooses how the gradient is estimated, for criteria that ask for one.
     *
     * @param chosen the estimator; null where the gradient is to be 1 everywhere
     * @return this
     */
    public Builder gradient(@Nullable GradientEstimator chosen) {
      gradient = chosen;
      return this;
    }

    /**
     * Chooses how what stays makes up for what goes.
     *
     * @param chosen the restoration; null for none
     * @return this
     */
    public Builder restoration(@Nullable Restoration chosen) {
      restoration = chosen;
      return this;
    }

    /**
     * Chooses how the ratio is divided among the layers. Without a choice it is trapezoid where
     * something is restored, else uniform: layers of different sizes pay only where what stays
     * makes up for what goes.
     *
     * @param chosen the allocation
     * @return this
     */
    public Builder allocation(Allocation chosen) {
      requireNonNull(chosen, "chosen");
      allocation = chosen;
      return this;
    }

    /**
     * Chooses how much text is read.
     *
     * @param count windows, at least 1
     * @param tokens of a window, at least 2
     * @return this
     */
    public Builder calibration(int count, int tokens) {
      checkArgument(count > 0, "calibration windows %s: expected at least 1", count);
      checkArgument(tokens > 1, "calibration window of %s tokens: expected at least 2", tokens);
      windows = count;
      windowTokens = tokens;
      return this;
    }

    /**
     * Makes the recipe.
     *
     * @return the recipe
     */
    public PruningRecipe build() {
      return new PruningRecipe(this);
    }
  }
}

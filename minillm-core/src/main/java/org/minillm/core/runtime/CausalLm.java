package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.primitives.Ints;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.NotFiniteException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A causal language model: a checkpoint, the decoder that its config.json describes, and the layers
 * that the memory budget lets stay in memory. Owns native memory: close it. Not thread-safe; the
 * engine uses all its threads for one operation after the other.
 *
 * <p>A model that is closed can tell what it was; whatever computes or reads with it is an {@link
 * IllegalStateException}. Close it when no thread works with it any more: the memory that one
 * computes with would go.
 *
 * <p>An interrupt of the thread that works with it ends that work with a {@link
 * java.nio.channels.ClosedByInterruptException}; the model itself goes on.
 */
public final class CausalLm implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(CausalLm.class);

  private static final String MODEL_TYPE = "model_type";

  /** What a message quotes of a name. */
  private static final int MAX_NAME = 60;

  /** Of the texts that a pass reads of which nothing else is known. */
  private static final int WINDOW = 128;

  private final Checkpoint checkpoint;
  private final Decoder decoder;
  private final Compute compute;
  private final NDManager manager;
  private final LayerStore layers;
  private boolean warned;
  private volatile boolean closed;

  private CausalLm(Checkpoint checkpoint, Decoder decoder, MemoryBudget budget, Compute compute) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
    this.compute = compute;
    this.manager = compute.newManager();
    this.layers = new LayerStore(checkpoint, decoder, manager, budget);
    layers.makeRoom(memoryForecast(WINDOW));
  }

  /**
   * Opens a Hugging Face folder with the memory budget of this machine.
   *
   * @param folder holds config.json and safetensors files
   * @return the model; to be closed
   * @throws IOException if a file is missing, malformed or disagrees with config.json
   */
  public static CausalLm open(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    return open(folder, MemoryBudget.ofThisMachine());
  }

  /**
   * Opens a Hugging Face folder. Results do not depend on the budget, to the bit.
   *
   * @param folder holds config.json and safetensors files
   * @param budget decides how many layers stay in memory
   * @return the model; to be closed
   * @throws IOException if a file is missing, malformed or disagrees with config.json
   */
  public static CausalLm open(Path folder, MemoryBudget budget) throws IOException {
    return open(folder, budget, Compute.cpu());
  }

  /**
   * Opens a Hugging Face folder to compute somewhere. Results do not depend on the budget, to the
   * bit.
   *
   * @param folder holds config.json and safetensors files
   * @param budget decides how many layers stay in memory
   * @param compute where the model computes
   * @return the model; to be closed
   * @throws IOException if a file is missing, malformed or disagrees with config.json
   */
  public static CausalLm open(Path folder, MemoryBudget budget, Compute compute)
      throws IOException {
    requireNonNull(folder, "folder");
    requireNonNull(budget, "budget");
    requireNonNull(compute, "compute");
    Checkpoint checkpoint = Checkpoint.open(folder);
    try {
      Decoder decoder = decoder(checkpoint);
      TensorMatch match = new TensorMatch(checkpoint, decoder);
      match.requireAll();
      match.requireOneHead();
      return new CausalLm(checkpoint, decoder, budget, compute);
    } catch (IOException | RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  private static Decoder decoder(Checkpoint checkpoint) throws MalformedCheckpointException {
    Path file = checkpoint.path().resolve("config.json");
    try {
      JsonObject config = checkpoint.config();
      String family = JsonNode.shortened(new JsonNode("", config).get(MODEL_TYPE).text(), MAX_NAME);
      return Plugins.named(Architecture.class, family)
          .decoder(
              config,
              ImmutableMap.copyOf(Maps.transformValues(checkpoint.tensors(), TensorInfo::shape)));
    } catch (IllegalArgumentException e) {
      throw new MalformedCheckpointException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns the files behind the model.
   *
   * @return the open checkpoint, closed with the model
   */
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /**
   * Returns where the model computes.
   *
   * @return what it was opened with
   */
  public Compute compute() {
    return compute;
  }

  /**
   * Returns how the model computes.
   *
   * @return the family's decoder
   */
  public Decoder decoder() {
    return decoder;
  }

  /**
   * Returns the sizes.
   *
   * @return the parsed configuration
   */
  public ModelConfig config() {
    return decoder.config();
  }

  /**
   * Returns the prunable groups of some kinds, by layer and kind.
   *
   * @param kinds the kinds wanted
   * @return the groups of all layers
   */
  public ImmutableList<PruningGroup> groups(Collection<GroupKind> kinds) {
    return IntStream.range(0, config().layers().size())
        .mapToObj(decoder::groups)
        .flatMap(ImmutableList::stream)
        .filter(group -> kinds.contains(group.id().kind()))
        .sorted((a, b) -> a.id().compareTo(b.id()))
        .collect(toImmutableList());
  }

  /**
   * Counts the weights of one tensor.
   *
   * @param tensor its name
   * @return the product of its shape
   */
  public long elements(String tensor) {
    return requireNonNull(decoder.tensors().get(tensor), tensor).size();
  }

  /**
   * Counts the parameters, a tied head once.
   *
   * @return the elements of all tensors that the model computes with
   */
  public long parameters() {
    return decoder.tensors().values().stream().mapToLong(Shape::size).sum();
  }

  /**
   * Counts the multiply-accumulates of the blocks' linear layers and of the language head for one
   * token. The products of attention, which grow with the text, are not among them.
   *
   * @return one a weight
   */
  public long macsPerToken() {
    return groups(Arrays.asList(GroupKind.values())).stream()
            .flatMap(group -> group.slices().stream())
            .filter(slice -> !slice.isBias())
            .map(TensorSlice::tensor)
            .distinct()
            .mapToLong(this::elements)
            .sum()
        + elements(decoder.headTensor());
  }

  /**
   * Returns the model's tokenizer.
   *
   * @return opened on tokenizer.json of the folder, or on an older form of it; to be closed
   * @throws IOException if the folder has none, or one that is damaged or of a kind not known
   */
  public Tokenizer tokenizer() throws IOException {
    requireOpen();
    return Tokenizer.open(checkpoint, config().vocabSize(), layers.budget());
  }

  /**
   * Returns the tokens that end a text: {@code eos_token_id} of generation_config.json, else of
   * config.json.
   *
   * @return token ids; none where neither file says
   * @throws IOException if generation_config.json cannot be read
   */
  public ImmutableSet<Integer> endTokens() throws IOException {
    requireOpen();
    return EndTokens.of(checkpoint);
  }

  /**
   * Names the tensors of the checkpoint that the model does not compute with, but for constants
   * that every loader makes anew. They are no parameters of the model; a cut copies them as they
   * are.
   *
   * @return the names in the order of the files
   */
  public ImmutableSet<String> unreadTensors() {
    return new TensorMatch(checkpoint, decoder).unread();
  }

  /**
   * Refuses a model whose layers have tensors that it does not compute with. Such a model can be
   * run, but not pruned: they would not fit what a cut leaves, and were they to be read, it would
   * be another model.
   *
   * @throws MalformedCheckpointException if there is one; the message names it and the remedies
   */
  public void requireLayersRead() throws MalformedCheckpointException {
    new TensorMatch(checkpoint, decoder).requireLayersRead();
  }

  /**
   * Finds out where numbers that are not finite come from. Reads all weights; only where these are
   * finite, the windows too.
   *
   * @param symptom what was noticed
   * @param windows token ids that the model was reading; none where it read no text
   * @return to be thrown: the symptom, and the layer in which numbers overflow if they do so in
   *     this model as it is stored
   * @throws MalformedCheckpointException if a weight is NaN or infinite; the message names the file
   *     and the tensor
   * @throws IOException if a file cannot be read
   */
  public NotFiniteException diagnose(NotFiniteException symptom, List<int[]> windows)
      throws IOException {
    checkpoint.requireFinite(decoder.tensors().keySet());
    return new OverflowSearch(this)
        .place(windows)
        .map(
            place ->
                new NotFiniteException(
                    "%s: %s; all weights are finite, but numbers overflow float32 %s: the weights are too large, or not of this config.json"
                        .formatted(checkpoint.path(), symptom.getMessage(), place)))
        .orElse(symptom);
  }

  /**
   * Returns the weights of a layer. Close them when the work on the layer is done: those that stay
   * in memory know it.
   *
   * @param layer from 0
   * @return its weights, read when first asked for
   */
  public LayerWeights layer(int layer) {
    requireOpen();
    return layers.layer(layer);
  }

  /**
   * Makes room for a pass: of the layers only as many stay in memory as the budget has left, and
   * residual streams that have no room at all wait in a scratch file beside the model. The next
   * call counts anew. Every measurement and every pruner does this before it begins.
   *
   * @param pass the {@link #memoryForecast} of this model and what the pass holds besides
   * @throws IllegalArgumentException if the memory budget cannot be kept, whatever leaves
   */
  public void reserve(MemoryForecast pass) {
    requireOpen();
    layers.requireBudget(pass);
    layers.makeRoom(pass);
  }

  /**
   * Returns the memory budget.
   *
   * @return what the model was opened with
   */
  public MemoryBudget budget() {
    return layers.budget();
  }

  /**
   * Gives back the memory of all layers, for work with another model; a pass reads them again. Not
   * while one of them is in use.
   */
  public void forgetLayers() {
    requireOpen();
    layers.forget();
  }

  /**
   * Checks that the memory budget of this model can be kept.
   *
   * @param pass what is to be done
   * @throws IllegalArgumentException if not even one layer at a time keeps it
   */
  public void requireBudget(MemoryForecast pass) {
    layers.requireBudget(pass);
  }

  /**
   * Returns what a pass over weights, or over short texts, needs in memory.
   *
   * @return the forecast, without what the pass holds besides
   */
  public MemoryForecast memoryForecast() {
    return memoryForecast(WINDOW);
  }

  /**
   * Returns what a pass over windows needs in memory. As many go through a layer together as a
   * micro-batch has room for, at least one.
   *
   * @param window tokens of each
   * @return the forecast, without what the pass holds besides
   */
  public MemoryForecast memoryForecast(int window) {
    return memoryForecast(ResidualStream.rowsPerBatch(window), window);
  }

  /**
   * Returns what a pass over texts needs in memory.
   *
   * @param rows that go through a layer together
   * @param length tokens of each
   * @return the forecast, without what the pass holds besides
   */
  public MemoryForecast memoryForecast(long rows, long length) {
    return MemoryForecast.of(decoder, rows, length);
  }

  /**
   * Tells how many layers the memory budget lets stay in memory.
   *
   * @return between 0 and the number of layers
   */
  public int residentLayers() {
    return layers.residentLayers();
  }

  /**
   * Tells whether a pass reads one layer ahead.
   *
   * @return true where the memory budget has room for a second layer
   */
  public boolean readsAhead() {
    return layers.readsAhead();
  }

  /** Tells whether the language head stays in memory with all layers. */
  boolean keepsHead() {
    return layers.keepsHead();
  }

  /**
   * Tells where residual streams that begin now will be.
   *
   * @return true where they wait in a scratch file
   */
  public boolean spillsStreams() {
    return layers.spillsStreams();
  }

  /**
   * Embeds tokens.
   *
   * @param rows token ids, all of one length
   * @param layout where they stand
   * @param owner where the result hangs
   * @return FLOAT32, (rows, time, hidden_size)
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  NDArray embed(List<int[]> rows, TokenLayout layout, NDManager owner) throws IOException {
    return embed(rows, layout, checkpoint::gatherRows, checkpoint::read, owner);
  }

  /** Embeds tokens with weights that somebody keeps. */
  NDArray embed(
      List<int[]> rows,
      TokenLayout layout,
      Decoder.RowSource source,
      WeightSource weights,
      NDManager owner)
      throws IOException {
    requireOpen();
    int vocabulary = config().vocabSize();
    for (int[] row : rows) {
      for (int id : row) {
        checkArgument(
            id >= 0 && id < vocabulary,
            "token id %s: expected 0 to %s (vocab_size of the model)",
            id,
            vocabulary - 1);
      }
    }
    NDArray embedded = decoder.embed(source, weights, rows.toArray(int[][]::new), layout, owner);
    warnOfLongTexts(layout);
    return embedded;
  }

  /** A table of learned positions has refused them; others go on, as in transformers. */
  private void warnOfLongTexts(TokenLayout layout) {
    int tokens = Ints.max(Ints.concat(layout.positions())) + 1;
    if (tokens > config().maxPositions() && !warned) {
      warned = true;
      LOG.warn(
          "{}: {} tokens in a row, but the model was made for {} (max_position_embeddings); what it"
              + " computes of those beyond says little",
          checkpoint.path(),
          tokens,
          config().maxPositions());
    }
  }

  /**
   * Makes a manager for arrays that live as long as somebody works with the model.
   *
   * @return closed by the caller, or with the model
   */
  public NDManager newManager() {
    requireOpen();
    return manager.newSubManager();
  }

  private void requireOpen() {
    checkState(!closed, "the model of %s is closed; open it again", checkpoint.path());
  }

  /** Frees the native memory and closes the files. Closing again does nothing. */
  @Override
  public void close() throws IOException {
    closed = true;
    layers.free();
    manager.close();
    checkpoint.close();
  }
}

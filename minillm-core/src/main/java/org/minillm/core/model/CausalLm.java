package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableList.toImmutableList;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Streams;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.JsonFiles;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.plugin.Plugins;

/**
 * A causal language model: a checkpoint, the decoder that its config.json describes, and the layers
 * that the memory budget lets stay in memory. Owns native memory: close it. Not thread-safe; the
 * engine uses all its threads for one operation after the other.
 */
public final class CausalLm implements AutoCloseable {

  /** The name of the engine that computes. */
  public static final String ENGINE = "PyTorch";

  private static final String END_TOKEN = "eos_token_id";

  /** Of the texts that a pass reads of which nothing else is known. */
  private static final int WINDOW = 128;

  private final Checkpoint checkpoint;
  private final Decoder decoder;
  private final NDManager manager;
  private final MemoryBudget budget;
  private final OptionalLong processBytes;
  private int residentLayers;
  private boolean readsAhead;
  private boolean spillsStreams;
  private boolean keepsHead;
  private final Map<Integer, LayerWeights> resident = new HashMap<>();

  private CausalLm(Checkpoint checkpoint, Decoder decoder, MemoryBudget budget) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
    this.manager = NDManager.newBaseManager(Device.cpu(), ENGINE);
    this.budget = budget;
    this.processBytes = ProcessMemory.ofThisProcess().residentBytes();
    makeRoom(memoryForecast(WINDOW));
  }

  /**
   * Opens a Hugging Face folder with the memory budget of this machine.
   *
   * @param folder holds config.json and safetensors files
   * @return the model; to be closed
   * @throws IOException if a file is missing, malformed or disagrees with config.json
   */
  public static CausalLm open(Path folder) throws IOException {
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
    Checkpoint checkpoint = Checkpoint.open(folder);
    try {
      Decoder decoder =
          architecture(checkpoint).decoder(checkpoint.config(), checkpoint.tensors().keySet());
      requireTensors(checkpoint, decoder);
      return new CausalLm(checkpoint, decoder, budget);
    } catch (IOException | RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  private static Architecture architecture(Checkpoint checkpoint)
      throws MalformedCheckpointException {
    JsonElement modelType = checkpoint.config().get("model_type");
    Path config = checkpoint.folder().resolve("config.json");
    if (modelType == null || !modelType.isJsonPrimitive()) {
      throw new MalformedCheckpointException(config + ": no \"model_type\"");
    }
    try {
      return Plugins.named(Architecture.class, modelType.getAsString());
    } catch (IllegalArgumentException e) {
      throw new MalformedCheckpointException(config + ": " + e.getMessage(), e);
    }
  }

  private static void requireTensors(Checkpoint checkpoint, Decoder decoder)
      throws MalformedCheckpointException {
    for (Map.Entry<String, Shape> expected : decoder.tensors().entrySet()) {
      Shape found = checkpoint.tensor(expected.getKey()).shape();
      if (!found.equals(expected.getValue())) {
        throw new MalformedCheckpointException(
            checkpoint.folder()
                + ": "
                + expected.getKey()
                + " has the shape "
                + found
                + ", expected "
                + expected.getValue()
                + "; config.json and the weights disagree");
      }
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
    return decoder.tensors().get(tensor).size();
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
   * @return opened on tokenizer.json of the folder; to be closed
   * @throws IOException if the folder has none
   */
  public Tokenizer tokenizer() throws IOException {
    return Tokenizer.open(checkpoint.folder());
  }

  /**
   * Returns the tokens that end a text: {@code eos_token_id} of generation_config.json, else of
   * config.json.
   *
   * @return token ids; none where neither file says
   * @throws IOException if generation_config.json cannot be read
   */
  public ImmutableSet<Integer> endTokens() throws IOException {
    Path generation = checkpoint.folder().resolve("generation_config.json");
    JsonElement ids = null;
    if (Files.isRegularFile(generation)) {
      ids = JsonFiles.read(generation).get(END_TOKEN);
    }
    if (ids == null) {
      ids = checkpoint.config().get(END_TOKEN);
    }
    if (ids == null || ids.isJsonNull()) {
      return ImmutableSet.of();
    }
    return ids.isJsonArray()
        ? Streams.stream(ids.getAsJsonArray())
            .map(JsonElement::getAsInt)
            .collect(ImmutableSet.toImmutableSet())
        : ImmutableSet.of(ids.getAsInt());
  }

  /**
   * Returns the weights of a layer. Close them when the work on the layer is done: those that stay
   * in memory know it.
   *
   * @param layer from 0
   * @return its weights, read when first asked for
   */
  public LayerWeights layer(int layer) {
    if (layer < residentLayers) {
      return resident.computeIfAbsent(layer, i -> open(i, true));
    }
    return open(layer, false);
  }

  private LayerWeights open(int layer, boolean stays) {
    return new LayerWeights(
        checkpoint::read,
        MemoryForecast.groupTensors(decoder, layer),
        manager.newSubManager(),
        stays);
  }

  /**
   * Goes through layers one after the other; reads one layer ahead where the memory budget has room
   * for a second one.
   *
   * @param first from 0
   * @param end the layer after the last
   * @return the walk; to be closed before this model
   */
  public LayerWalk walk(int first, int end) {
    return new LayerWalk(first, end, readsAhead, this::layer);
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
    requireBudget(pass);
    makeRoom(pass);
  }

  /**
   * Checks that the memory budget of this model can be kept.
   *
   * @param pass what is to be done
   * @throws IllegalArgumentException if not even one layer at a time keeps it
   */
  public void requireBudget(MemoryForecast pass) {
    pass.shortfall(budget, checkpoint.folder().toString())
        .ifPresent(
            shortfall -> {
              throw new IllegalArgumentException(
                  shortfall
                      + "; open the model with a budget of "
                      + pass.smallestBudgetInWords()
                      + " or more");
            });
  }

  private void makeRoom(MemoryForecast pass) {
    int layers = config().layers().size();
    residentLayers = Math.min(layers, pass.residentLayers(budget, processBytes));
    readsAhead = pass.readsAhead(budget, processBytes);
    spillsStreams = pass.spillsStreams(budget, processBytes);
    keepsHead = pass.keepsHead(budget, processBytes);
    for (int layer = residentLayers; layer < layers; layer++) {
      LayerWeights leaving = resident.remove(layer);
      if (leaving != null) {
        leaving.free();
      }
    }
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
    return memoryForecast(Sweep.rowsPerBatch(window), window);
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
    return residentLayers;
  }

  /**
   * Tells whether a {@link #walk} reads one layer ahead.
   *
   * @return true where the memory budget has room for a second layer
   */
  public boolean readsAhead() {
    return readsAhead;
  }

  /** Tells whether the language head stays in memory with all layers. */
  boolean keepsHead() {
    return keepsHead;
  }

  /**
   * Tells where residual streams that begin now will be.
   *
   * @return true where they wait in a scratch file
   */
  public boolean spillsStreams() {
    return spillsStreams;
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
    return decoder.embed(source, weights, rows.toArray(int[][]::new), layout, owner);
  }

  NDManager newManager() {
    return manager.newSubManager();
  }

  /** Frees the native memory and closes the files. */
  @Override
  public void close() throws IOException {
    resident.values().forEach(LayerWeights::free);
    manager.close();
    checkpoint.close();
  }
}

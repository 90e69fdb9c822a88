package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes a Hugging Face model folder: config.json, the weights in one safetensors file or in shards
 * with an index, files copied from elsewhere, and {@value #MANIFEST} with the size and SHA-256 of
 * each. The same inputs give the same bytes.
 *
 * <p>The folder is filled beside its place, brought to the disk and renamed: it appears whole or
 * not at all. Tensors are streamed one by one. A writer is set up, used once, and not shared by
 * threads.
 */
public final class CheckpointWriter {

  /** The file that lists the others. */
  public static final String MANIFEST = "minillm-manifest.json";

  /** The shard size of Hugging Face: 5 GB. */
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  private final Path target;
  private final boolean overwrite;
  private @Nullable Path source;
  private JsonObject config = new JsonObject();
  private ImmutableList<TensorOutput> tensors = ImmutableList.of();
  private ImmutableList<Path> companions = ImmutableList.of();
  private ImmutableMap<String, String> texts = ImmutableMap.of();
  private ImmutableMap<String, String> facts = ImmutableMap.of();
  private long maxShardBytes = DEFAULT_SHARD_BYTES;
  private LongConsumer progress = bytes -> {};

  /**
   * Makes a writer of an empty model; nothing is touched before {@link #write()}.
   *
   * @param target the folder to create; its parent must exist
   * @param overwrite whether a folder that stands there is replaced, see {@link #checkTarget}
   */
  public CheckpointWriter(Path target, boolean overwrite) {
    requireNonNull(target, "target");
    this.target = target;
    this.overwrite = overwrite;
  }

  /**
   * Checks that a target could be written, for callers who want to know before long work. Changes
   * nothing but what a killed writer left: that is tidied up, and a folder that it had moved aside
   * is put back.
   *
   * @param target the folder to create
   * @param overwrite whether a folder that stands there may be replaced: an empty one, or one in
   *     which there is nothing but what its {@value #MANIFEST} lists
   * @param source the folder that is read meanwhile; null if there is none
   * @throws IOException if the target exists and is not to be replaced, holds what was not written
   *     by this class, is a link, is or contains the source or lies within it, is being written by
   *     another process or thread, or if its name is too long or its parent is missing or not
   *     writable; the message says which
   */
  public static void checkTarget(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    requireNonNull(target, "target");
    TargetFolder.begin(target, overwrite, source).close();
  }

  /**
   * Names the folder that the contents are read from, so that it cannot be written over.
   *
   * @param folder of the source model
   * @return this
   */
  public CheckpointWriter source(Path folder) {
    requireNonNull(folder, "folder");
    this.source = folder;
    return this;
  }

  /**
   * Sets config.json.
   *
   * @param json written with two spaces of indentation, nulls and number literals kept
   * @return this
   */
  public CheckpointWriter config(JsonObject json) {
    requireNonNull(json, "json");
    this.config = json.deepCopy();
    return this;
  }

  /**
   * Sets the weights.
   *
   * @param outputs in the order in which they are to stand in the files; no name twice
   * @return this
   */
  public CheckpointWriter tensors(List<TensorOutput> outputs) {
    requireNonNull(outputs, "outputs");
    Set<String> names = new HashSet<>();
    for (TensorOutput output : outputs) {
      String name = output.info().name();
      checkArgument(names.add(name), "tensor %s stands twice in what is to be written", name);
      checkArgument(!name.equals("__metadata__"), "__metadata__ cannot be a tensor's name");
    }
    this.tensors = ImmutableList.copyOf(outputs);
    return this;
  }

  /**
   * Sets the files that are copied as they are.
   *
   * @param files for example those of {@link Checkpoint#companions()}
   * @return this
   */
  public CheckpointWriter companions(List<Path> files) {
    requireNonNull(files, "files");
    this.companions = ImmutableList.copyOf(files);
    return this;
  }

  /**
   * Sets further text files.
   *
   * @param contents text by file name, for example the plan's JSON; written in UTF-8
   * @return this
   */
  public CheckpointWriter texts(Map<String, String> contents) {
    requireNonNull(contents, "contents");
    for (String name : contents.keySet()) {
      checkArgument(WeightFiles.isPlainName(name), "'%s' is not a plain file name", name);
    }
    this.texts = ImmutableMap.copyOf(contents);
    return this;
  }

  /**
   * Sets what the manifest says beside the files.
   *
   * @param values written in the order of their names; no times, or the same inputs would not give
   *     the same bytes
   * @return this
   */
  public CheckpointWriter facts(Map<String, String> values) {
    requireNonNull(values, "values");
    this.facts = ImmutableMap.copyOf(values);
    return this;
  }

  /**
   * Sets the size of shards.
   *
   * @param bytes a shard holds at most this much, or a single tensor
   * @return this
   */
  public CheckpointWriter maxShardBytes(long bytes) {
    checkArgument(bytes > 0, "shards of %s bytes, expected at least 1", bytes);
    this.maxShardBytes = bytes;
    return this;
  }

  /**
   * Sets who is told of the progress.
   *
   * @param listener given the number of bytes just written, again and again; they add up to the
   *     weight files' sizes
   * @return this
   */
  public CheckpointWriter onProgress(LongConsumer listener) {
    requireNonNull(listener, "listener");
    this.progress = listener;
    return this;
  }

  /**
   * Adds up the sizes of the weight files that will be written, heads included: what {@link
   * #onProgress} is told of.
   *
   * @return bytes
   */
  public long weightBytes() {
    return shards().stream().mapToLong(SafetensorsWriter::bytes).sum();
  }

  /**
   * Writes the folder. If it fails, for whatever reason, what stood at the target before still
   * does, and nothing else is left behind.
   *
   * @throws IOException if the target is refused, see {@link #checkTarget}, if a source cannot be
   *     read, or the disk is full
   * @throws IllegalArgumentException if two files have one name
   * @throws IllegalStateException if a content is longer or shorter than its tensor
   */
  public void write() throws IOException {
    checkNames();
    try (TargetFolder folder = TargetFolder.begin(target, overwrite, source)) {
      checkSpace(folder.partial());
      fill(new OutputFolder(folder.partial(), target));
      folder.commit();
    }
  }

  private void fill(OutputFolder folder) throws IOException {
    folder.write(Checkpoint.CONFIG, JsonFiles.render(config));
    writeWeights(folder);
    for (Path companion : companions) {
      folder.copy(companion);
    }
    for (Map.Entry<String, String> text : texts.entrySet()) {
      folder.write(text.getKey(), text.getValue());
    }
    folder.write(MANIFEST, JsonFiles.render(folder.manifest(facts)));
  }

  private void checkNames() {
    List<String> names = new ArrayList<>(List.of(Checkpoint.CONFIG, MANIFEST));
    companions.forEach(path -> names.add(path.getFileName().toString()));
    names.addAll(texts.keySet());
    Set<String> seen = new HashSet<>();
    for (String name : names) {
      checkArgument(seen.add(name), "two files named %s are to be written", name);
      checkArgument(
          !name.startsWith("model") || !name.contains(".safetensors"),
          "%s is the name of a weight file",
          name);
    }
  }

  private void checkSpace(Path folder) throws IOException {
    long needed = tensors.stream().mapToLong(tensor -> tensor.info().bytes()).sum();
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < needed) {
      throw new FileSystemException(
          target.toString(),
          null,
          String.format(
              "%d bytes of weights, but only %d are free on the disk; free room there, or name a"
                  + " target on another",
              needed, free));
    }
  }

  private void writeWeights(OutputFolder folder) throws IOException {
    List<List<TensorOutput>> shards = shards();
    if (shards.size() == 1) {
      folder.write(
          WeightFiles.SINGLE, progress, out -> SafetensorsWriter.writeTo(out, shards.get(0)));
      return;
    }
    SortedMap<String, String> weightMap = new TreeMap<>();
    long totalBytes = 0;
    for (int i = 0; i < shards.size(); i++) {
      String name =
          String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
      List<TensorOutput> shard = shards.get(i);
      folder.write(name, progress, out -> SafetensorsWriter.writeTo(out, shard));
      for (TensorOutput tensor : shard) {
        weightMap.put(tensor.info().name(), name);
        totalBytes += tensor.info().bytes();
      }
    }
    JsonObject metadata = new JsonObject();
    metadata.addProperty("total_size", totalBytes);
    JsonObject index = new JsonObject();
    index.add("metadata", metadata);
    index.add("weight_map", JsonFiles.strings(weightMap));
    folder.write(WeightFiles.INDEX, JsonFiles.render(index));
  }

  private List<List<TensorOutput>> shards() {
    List<List<TensorOutput>> shards = new ArrayList<>(List.of(new ArrayList<>()));
    long shardBytes = 0;
    for (TensorOutput tensor : tensors) {
      long bytes = tensor.info().bytes();
      if (shardBytes > 0 && shardBytes + bytes > maxShardBytes) {
        shards.add(new ArrayList<>());
        shardBytes = 0;
      }
      shards.get(shards.size() - 1).add(tensor);
      shardBytes += bytes;
    }
    return shards;
  }
}

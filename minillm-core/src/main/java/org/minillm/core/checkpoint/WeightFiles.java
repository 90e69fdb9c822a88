package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.minillm.core.files.JsonNode;

/** Finds and opens the weight files of a folder: one, or the shards that an index names. */
final class WeightFiles {

  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  /** Read where there are no safetensors, the first that is there. */
  private static final ImmutableList<String> PYTORCH =
      ImmutableList.of(
          "pytorch_model.bin", "pytorch_model.pt", "pytorch_model.pth", "model.pt", "model.pth");

  private static final String PYTORCH_INDEX = "pytorch_model.bin.index.json";

  /** What a message quotes of a name. */
  private static final int MAX_NAME = 200;

  private WeightFiles() {}

  /** Opens one file of weights. */
  private interface Opener {
    WeightFile open(Path file) throws IOException;
  }

  static ImmutableList<WeightFile> open(Path folder) throws IOException {
    if (Files.isRegularFile(folder.resolve(SINGLE))) {
      return ImmutableList.of(SafetensorsFile.open(folder.resolve(SINGLE)));
    }
    if (Files.isRegularFile(folder.resolve(INDEX))) {
      return shards(folder, folder.resolve(INDEX), SafetensorsFile::open);
    }
    for (String name : PYTORCH) {
      if (Files.isRegularFile(folder.resolve(name))) {
        return ImmutableList.of(PytorchFile.open(folder.resolve(name)));
      }
    }
    if (Files.isRegularFile(folder.resolve(PYTORCH_INDEX))) {
      return shards(folder, folder.resolve(PYTORCH_INDEX), PytorchFile::open);
    }
    throw noWeights(folder);
  }

  private static ImmutableList<WeightFile> shards(Path folder, Path index, Opener opener)
      throws IOException {
    Map<String, String> weightMap = weightMap(index);
    List<WeightFile> files = new ArrayList<>();
    try {
      for (String shard : new TreeSet<>(weightMap.values())) {
        Path path = folder.resolve(shard);
        if (!Files.isRegularFile(path)) {
          throw new MalformedCheckpointException(
              index + ": names " + shortened(shard) + ", which is not in the folder: download it");
        }
        files.add(opener.open(path));
      }
      checkAgainst(weightMap, files, index);
    } catch (IOException | RuntimeException e) {
      for (WeightFile file : files) {
        file.close();
      }
      throw e;
    }
    return ImmutableList.copyOf(files);
  }

  /** What may be there instead, and what to do then. The first that fits is said. */
  private static final ImmutableMap<String, String> INSTEAD =
      ImmutableMap.of(
          "*.incomplete", "a download that was not finished: start it again",
          "model-*.safetensors", "shards without their index: download " + INDEX + ", too",
          "pytorch_model-*.bin", "shards without their index: download " + PYTORCH_INDEX + ", too",
          "adapter_model.*",
              "the adapter of another model: merge it, in Python with"
                  + " model.merge_and_unload().save_pretrained(…)",
          "*.gguf", "which is a model by itself: name the file in place of the folder",
          "{consolidated*,*.safetensors,*.pt,*.pth,*.bin}",
              "weights in another layout, which are not read: convert them, in Python with"
                  + " AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)");

  private static MalformedCheckpointException noWeights(Path folder) throws IOException {
    for (Map.Entry<String, String> instead : INSTEAD.entrySet()) {
      try (DirectoryStream<Path> others = Files.newDirectoryStream(folder, instead.getKey())) {
        for (Path file : others) {
          return new MalformedCheckpointException(
              "%s: no %s and no %s, only %s, %s"
                  .formatted(
                      folder, SINGLE, PYTORCH.get(0), file.getFileName(), instead.getValue()));
        }
      }
    }
    return new MalformedCheckpointException(
        folder + ": no weights, expected " + SINGLE + ", " + PYTORCH.get(0) + " or their index");
  }

  private static Map<String, String> weightMap(Path index) throws IOException {
    return JsonNode.read(index, root -> weightMap(root.get("weight_map")));
  }

  private static Map<String, String> weightMap(JsonNode json) {
    Map<String, String> weightMap = new LinkedHashMap<>();
    for (String tensor : json.keys()) {
      JsonNode shard = json.get(tensor);
      if (!isPlainName(shard.text())) {
        throw shard.expected("the plain name of a file in the same folder");
      }
      weightMap.put(tensor, shard.text());
    }
    if (weightMap.isEmpty()) {
      throw json.refuse("it is empty");
    }
    return weightMap;
  }

  /** No separator of any system, no drive, no step upwards, nothing that a path cannot hold. */
  static boolean isPlainName(String name) {
    try {
      requireNonNull(Path.of(name));
    } catch (InvalidPathException e) {
      return false;
    }
    return !name.isEmpty()
        && !name.equals(".")
        && !name.contains("..")
        && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
  }

  private static void checkAgainst(
      Map<String, String> weightMap, List<WeightFile> files, Path index)
      throws MalformedCheckpointException {
    Map<String, String> found = new HashMap<>();
    for (WeightFile file : files) {
      String shard = file.path().getFileName().toString();
      for (StoredTensor tensor : file.tensors()) {
        String other = found.put(tensor.info().name(), shard);
        if (other != null) {
          throw new MalformedCheckpointException(
              String.format(
                  "%s: %s stands in two shards, %s and %s",
                  index, shortened(tensor.info().name()), other, shard));
        }
      }
    }
    for (Map.Entry<String, String> entry : weightMap.entrySet()) {
      String shard = found.get(entry.getKey());
      if (!entry.getValue().equals(shard)) {
        throw new MalformedCheckpointException(
            String.format(
                "%s: %s should be in %s, but is in %s; index and shards do not belong together",
                index,
                shortened(entry.getKey()),
                entry.getValue(),
                shard == null ? "no shard" : shard));
      }
    }
  }

  private static String shortened(String name) {
    return JsonNode.shortened(name, MAX_NAME);
  }
}

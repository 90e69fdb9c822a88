package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Hugging Face model folder. */
final class FolderContents {

  private static final Pattern COMPANION =
      Pattern.compile(
          "tokenizer.*|vocab.*|merges\\.txt|special_tokens_map\\.json|added_tokens\\.json"
              + "|generation_config\\.json|chat_template.*|.*\\.model|LICENSE.*|NOTICE.*");

  private FolderContents() {}

  static CheckpointContents open(Path folder) throws IOException {
    Path config = folder.resolve(Checkpoint.CONFIG);
    if (!Files.isRegularFile(config)) {
      throw new MalformedCheckpointException(
          folder
              + ": no "
              + Checkpoint.CONFIG
              + (Files.isRegularFile(folder.resolve("adapter_config.json"))
                  ? ", only the adapter of another model: merge it, in Python with"
                      + " model.merge_and_unload().save_pretrained(…)"
                  : ", expected a Hugging Face model folder"));
    }
    JsonObject json = JsonFiles.read(config); // before files are opened
    ImmutableList<WeightFile> files = WeightFiles.open(folder);
    return new CheckpointContents(
        json,
        files.stream()
            .flatMap(file -> file.tensors().stream())
            .collect(ImmutableList.toImmutableList()),
        ImmutableMap.of(),
        files.stream().mapToLong(WeightFile::size).sum(),
        () -> {
          for (WeightFile file : files) {
            file.close();
          }
        });
  }

  static ImmutableList<Path> companions(Path folder) throws IOException {
    try (Stream<Path> list = Files.list(folder)) {
      return list.filter(path -> COMPANION.matcher(path.getFileName().toString()).matches())
          .filter(Files::isRegularFile)
          .sorted()
          .collect(ImmutableList.toImmutableList());
    }
  }
}

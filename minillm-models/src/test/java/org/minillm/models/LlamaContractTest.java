package org.minillm.models;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.models.testing.ArchitectureContract;

/** LLaMA, with every option that its config.json offers. */
class LlamaContractTest extends ArchitectureContract {

  @TempDir static Path demo;

  @Override
  public Map<String, Path> modelFolders() throws IOException {
    ImmutableMap.Builder<String, Path> folders = ImmutableMap.builder();
    for (String name :
        new String[] {
          "llama-mha-untied",
          "llama-gqa-bias",
          "llama3-rope",
          "llama-sharded",
          "llama-bf16",
          "tiny-llama"
        }) {
      folders.put(name, TestModels.folder(name, demo));
    }
    return folders.buildOrThrow();
  }
}

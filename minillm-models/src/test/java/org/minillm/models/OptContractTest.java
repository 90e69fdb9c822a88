package org.minillm.models;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.models.testing.ArchitectureContract;

/** OPT: pre- and post-norm, a projected embedding, relu and gelu. */
class OptContractTest extends ArchitectureContract {

  @TempDir static Path demo;

  @Override
  public Map<String, Path> modelFolders() throws IOException {
    ImmutableMap.Builder<String, Path> folders = ImmutableMap.builder();
    for (String name : new String[] {"opt-350m-style", "opt-gelu", "tiny-opt"}) {
      folders.put(name, TestModels.folder(name, demo));
    }
    return folders.buildOrThrow();
  }
}

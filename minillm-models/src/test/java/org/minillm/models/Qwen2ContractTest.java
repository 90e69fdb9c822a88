package org.minillm.models;

import java.nio.file.Path;
import java.util.Map;
import org.minillm.models.testing.ArchitectureContract;

/** Qwen2. */
class Qwen2ContractTest extends ArchitectureContract {

  @Override
  public Map<String, Path> modelFolders() {
    return Map.of("qwen2", Path.of("src/test/resources/options/qwen2"));
  }
}

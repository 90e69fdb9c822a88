package org.minillm.models;

import java.nio.file.Path;
import java.util.Map;
import org.minillm.models.testing.ArchitectureContract;

class Qwen3ContractTest extends ArchitectureContract {

  @Override
  public Map<String, Path> modelFolders() {
    return Map.of("qwen3-qknorm", Path.of("src/test/resources/random/qwen3-qknorm"));
  }
}

package org.minillm.models;

import java.nio.file.Path;
import java.util.Map;
import org.minillm.models.testing.ArchitectureContract;

class MistralContractTest extends ArchitectureContract {

  @Override
  public Map<String, Path> modelFolders() {
    return Map.of("mistral-gqa", Path.of("src/test/resources/random/mistral-gqa"));
  }
}

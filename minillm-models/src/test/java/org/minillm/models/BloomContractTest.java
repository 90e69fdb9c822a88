package org.minillm.models;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.models.testing.ArchitectureContract;

/** BLOOM: ALiBi with and without a power of two of heads, both residual forms. */
class BloomContractTest extends ArchitectureContract {

  @TempDir static Path demo;

  @Override
  public Map<String, Path> modelFolders() throws IOException {
    ImmutableMap.Builder<String, Path> folders = ImmutableMap.builder();
    for (String name : new String[] {"bloom-pow2", "bloom-postln", "tiny-bloom"}) {
      folders.put(name, TestModels.folder(name, demo));
    }
    return folders.buildOrThrow();
  }
}

package org.minillm.models.testing;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.TestInstance;

/**
 * What every family of models must do so that pruning is right: its table of groups is true, a cut
 * model computes what the masked model computes, and neither memory budget nor batches show in a
 * result. Extend it with the folders of small models of the family; random weights will do. Take
 * one for every option of config.json that changes shapes or tensors, and at least one with several
 * key-value heads.
 *
 * <pre>{@code
 * class MyFamilyContractTest extends ArchitectureContract {
 *   @Override
 *   public Map<String, Path> modelFolders() {
 *     return Map.of("my-random-model", Path.of("src/test/resources/my-random-model"));
 *   }
 * }
 * }</pre>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ArchitectureContract
    implements GroupTableContract, CutContract, MemoryContract {

  /** For the subclass. */
  protected ArchitectureContract() {}

  /**
   * Returns the models to test.
   *
   * @return name to Hugging Face folder
   * @throws IOException if they cannot be put there
   */
  @Override
  public abstract Map<String, Path> modelFolders() throws IOException;
}

package org.minillm.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.prune.PruningRecipe;

/** Plug-ins that are settings of plug-ins. */
class NestedRecipeTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "combination:of=(taylor:form=vector)*flap,by=rank_sum@gates:pairs=8",
        "obs+least-squares~search:among=(balanced:of=(trapezoid:first=0.2))*uniform"
      })
  void aRecipeIsReadBackFromItsWordAndFromItsFile(String word, @TempDir Path folder)
      throws IOException {
    // GIVEN
    PruningRecipe recipe = PruningRecipe.parse(word, Map.of());

    // WHEN
    Path file = Files.writeString(folder.resolve("recipe.json"), recipe.toJson());

    // THEN
    assertThat(PruningRecipe.read(file)).isEqualTo(recipe);
    assertThat(PruningRecipe.parse(recipe.toString(), Map.of())).isEqualTo(recipe);
  }
}

package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;

/**
 * What a family adds to what all share: how it reads its config.json, and how it writes it. {@link
 * TransformerDecoder} computes the rest.
 */
public interface FamilyConfig {

  /**
   * Returns the sizes.
   *
   * @return as config.json has them
   */
  ModelConfig sizes();

  /**
   * Returns the tensors and what is computed with them.
   *
   * @return the table
   */
  ModelTable table();

  /**
   * Returns how positions enter in attention.
   *
   * @return {@link Rotary}, {@link Alibi} or {@link PositionScheme#IN_THE_EMBEDDING}
   */
  PositionScheme positions();

  /**
   * Tells how many tokens a token sees, itself among them, where a window slides over the text.
   *
   * @return longer texts than this are refused; empty, unless overridden: all are computed
   */
  default OptionalInt attentionWindow() {
    return OptionalInt.empty();
  }

  /**
   * Renders config.json, as {@link org.minillm.core.architecture.Decoder#render} says.
   *
   * @param layers the new shapes, one a layer
   * @return the new config.json
   */
  JsonObject render(List<LayerShape> layers);

  /**
   * Tells what keeps stock loaders from a model, as {@link
   * org.minillm.core.architecture.Decoder#stockLoaderObstacle} says.
   *
   * @param layers the shapes, one a layer
   * @return the reason; empty where they take it
   */
  Optional<String> stockLoaderObstacle(List<LayerShape> layers);
}

package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.StockLoader;

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
   * Tells what keeps a stock loader from a model, as {@link
   * org.minillm.core.architecture.Decoder#stockLoaderObstacle} says.
   *
   * @param loader which one
   * @param layers the shapes, one a layer
   * @return the reason; empty where it takes the model
   */
  Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers);

  /**
   * Tells why a model cannot bring its own code, as {@link
   * org.minillm.core.architecture.Decoder#codeObstacle} says.
   *
   * @param layers the shapes, one a layer
   * @return the reason; empty where {@link #code} has it. Unless overridden, there is none for the
   *     family
   */
  default Optional<String> codeObstacle(List<LayerShape> layers) {
    return PythonClasses.missing(sizes().modelType());
  }

  /**
   * Describes a model that brings its own code, as {@link
   * org.minillm.core.architecture.Decoder#code} says.
   *
   * @param layers the shapes, one a layer
   * @return config.json and the code
   * @throws IllegalArgumentException if there is a {@link #codeObstacle}
   */
  default ModelCode code(List<LayerShape> layers) {
    throw new IllegalArgumentException(codeObstacle(layers).orElse(""));
  }
}

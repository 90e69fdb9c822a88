package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.ModelConfig;

/** What a family adds to what all share: how it reads its config.json, and how it writes it. */
interface FamilyConfig {

  /** The sizes. */
  ModelConfig sizes();

  /** The tensors and what is computed with them. */
  ModelTable table();

  /** How positions enter in attention. */
  PositionScheme positions();

  /** As {@link org.minillm.core.model.Decoder#render}. */
  JsonObject render(List<LayerShape> layers);

  /** As {@link org.minillm.core.model.Decoder#stockLoaderObstacle}. */
  Optional<String> stockLoaderObstacle(List<LayerShape> layers);
}

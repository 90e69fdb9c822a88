package org.minillm.core.runtime;

import ai.djl.ndarray.NDManager;
import java.util.HashMap;
import java.util.Map;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;

/** The tables of positions that streams of a pass share, one set a layout. */
final class PositionTables implements AutoCloseable {

  private final CausalLm model;
  private final NDManager manager;
  private final Map<TokenLayout, Positions> made = new HashMap<>();

  PositionTables(CausalLm model) {
    this.model = model;
    this.manager = model.newManager();
  }

  Positions of(TokenLayout layout) {
    return made.computeIfAbsent(layout, any -> model.decoder().positions(layout, manager));
  }

  @Override
  public void close() {
    manager.close();
  }
}

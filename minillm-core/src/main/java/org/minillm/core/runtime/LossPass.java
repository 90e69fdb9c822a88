package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;

/** A forward pass that ends with the losses of some of its streams, which a journal keeps. */
public final class LossPass implements Pass {

  private final ForwardPass forward;
  private final ImmutableList<ResidualStream> scored;
  private @Nullable ImmutableList<ImmutableDoubleArray> losses;

  /**
   * Begins.
   *
   * @param forward closed with this
   * @param scored some of its streams
   */
  public LossPass(ForwardPass forward, List<ResidualStream> scored) {
    requireNonNull(forward, "forward");
    requireNonNull(scored, "scored");
    this.forward = forward;
    this.scored = ImmutableList.copyOf(scored);
  }

  /**
   * Returns the losses when the pass is over.
   *
   * @return for every scored stream, for every window the mean over its length - 1 predicted tokens
   *     of -log P, in nats
   */
  public ImmutableList<ImmutableDoubleArray> losses() {
    checkState(losses != null, "the pass %s is not over", name());
    return losses;
  }

  @Override
  public String name() {
    return forward.name();
  }

  @Override
  public int layers() {
    return forward.layers();
  }

  @Override
  public List<ResidualStream> streams() {
    return forward.streams();
  }

  @Override
  public void layer(Layer layer) throws IOException {
    forward.layer(layer);
  }

  @Override
  public void end() throws IOException {
    losses =
        forward.windowLosses(scored).stream()
            .map(ImmutableDoubleArray::copyOf)
            .collect(ImmutableList.toImmutableList());
  }

  @Override
  public JsonElement toJson() {
    if (losses == null) {
      return JsonNull.INSTANCE;
    }
    JsonArray streams = new JsonArray();
    for (ImmutableDoubleArray stream : losses) {
      JsonArray windows = new JsonArray();
      stream.forEach(windows::add);
      streams.add(windows);
    }
    return streams;
  }

  @Override
  public void resume(int layers, JsonNode json) {
    if (layers < layers() || json.isNull()) {
      return;
    }
    List<JsonNode> streams = json.items();
    if (streams.size() != scored.size()) {
      throw json.refuse(streams.size() + " streams, expected " + scored.size());
    }
    ImmutableList.Builder<ImmutableDoubleArray> earlier = ImmutableList.builder();
    for (int i = 0; i < scored.size(); i++) {
      earlier.add(streams.get(i).numbers(scored.get(i).windows().size()));
    }
    losses = earlier.build();
  }

  @Override
  public void close() {
    forward.close();
  }
}

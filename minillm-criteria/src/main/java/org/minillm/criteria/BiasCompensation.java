package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.util.Map;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.restore.Restoration;

/**
 * The mean of what is missing goes into the consumer's bias (An et al., FLAP, arXiv 2312.11983);
 * the weights stay as they are. Does nothing where the architecture has no bias there, as in most
 * LLaMA models: to add one would not be the same architecture.
 *
 * @param target what is reproduced; FLAP's is OWN, with the inputs of the dense model
 */
public record BiasCompensation(Target target) implements Restoration {

  // Refuses nulls.
  public BiasCompensation {
    requireNonNull(target, "target");
  }

  /** FLAP's own target; for {@link java.util.ServiceLoader}. */
  public BiasCompensation() {
    this(Target.OWN);
  }

  @Override
  public String name() {
    return "bias";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("target", Parameters.id(target));
  }

  @Override
  public Restoration with(Map<String, String> changes) {
    return new BiasCompensation(new Parameters(this, changes).choice("target", Target.class));
  }

  @Override
  public TokenWeights tokens() {
    return TokenWeights.EQUAL;
  }

  @Override
  public Delta delta(Moments moments) {
    NDArray nothing = moments.residuals().zerosLike();
    Intercept intercept = moments.intercept();
    return new Delta(
        nothing, intercept == null ? null : intercept.residuals().div(intercept.tokens()), 0);
  }
}

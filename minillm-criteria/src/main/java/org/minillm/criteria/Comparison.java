package org.minillm.criteria;

import com.google.common.math.Stats;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.ScoredGroup;

/** By which numbers units of different layers are compared. */
public enum Comparison {

  /**
   * {@link Energy} with tokens weighted by the stream: the part of the residual stream that a unit
   * makes up, whatever chooses the units within a layer.
   */
  STREAM {
    @Override
    Optional<ImportanceCriterion> criterion() {
      return Optional.of(new Energy(TokenWeights.STREAM));
    }
  },

  /**
   * {@link Obs} with tokens weighted by the stream: the part of the residual stream that is lost
   * with a unit when the others of its layer are re-fitted, whatever chooses the units within a
   * layer.
   */
  RESTORED {
    @Override
    Optional<ImportanceCriterion> criterion() {
      return Optional.of(Obs.ofHeads());
    }
  },

  /**
   * The scores of the criterion as they are, for those that mean the same in all layers, such as an
   * estimate of a loss.
   */
  SCORES,

  /** The scores, divided by their mean over the layer; a layer whose scores are all 0 stays so. */
  MEAN {
    @Override
    DoubleUnaryOperator scale(Stats ofGroup) {
      double mean = ofGroup.mean();
      return mean == 0 ? DoubleUnaryOperator.identity() : score -> score / mean;
    }
  },

  /**
   * The scores, less their mean over the layer and divided by their standard deviation there: the
   * allocation of FLAP (An et al., arXiv 2312.11983, section 3.3). A layer whose scores are all
   * equal has 0 everywhere.
   */
  STANDARDISED {
    @Override
    DoubleUnaryOperator scale(Stats ofGroup) {
      double mean = ofGroup.mean();
      double deviation = ofGroup.populationStandardDeviation();
      return deviation == 0 ? score -> 0 : score -> (score - mean) / deviation;
    }
  };

  /** What compares units of different layers; empty where it is the criterion's own scores. */
  Optional<ImportanceCriterion> criterion() {
    return Optional.empty();
  }

  /** What makes a score of a group comparable; by default nothing is done. */
  DoubleUnaryOperator scale(Stats ofGroup) {
    return DoubleUnaryOperator.identity();
  }

  /** Makes the scores of a group comparable with those of other layers. */
  ScoredGroup comparable(ScoredGroup group) {
    double[] scores = group.scores().toArray();
    DoubleUnaryOperator scale = scale(Stats.of(scores));
    for (int i = 0; i < scores.length; i++) {
      scores[i] = scale.applyAsDouble(scores[i]);
    }
    return new ScoredGroup(group.id(), group.weightsPerUnit(), ImmutableDoubleArray.copyOf(scores));
  }
}

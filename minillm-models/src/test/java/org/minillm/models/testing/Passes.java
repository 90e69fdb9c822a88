package org.minillm.models.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.base.Strings;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.CounterRng;

/** Forward passes of the contract, over windows of random tokens. */
public final class Passes {

  /** More than one micro-batch holds (1024 tokens). */
  private static final int WINDOWS = 40;

  private static final int WINDOW = 32;

  private static final long SEED = 7;

  private Passes() {}

  /** What a model computes: the last hidden states of all windows, and the logits of the first. */
  record Outputs(float[] hidden, float[] logits) {}

  /** Windows of random tokens, more than one micro-batch. */
  public static CalibrationSet windows(CausalLm model) {
    int length = Math.min(WINDOW, model.config().maxPositions());
    ImmutableList.Builder<int[]> windows = ImmutableList.builder();
    for (int w = 0; w < WINDOWS; w++) {
      int[] ids = new int[length];
      for (int t = 0; t < length; t++) {
        ids[t] = (int) (CounterRng.uniform(SEED, w, t) * model.config().vocabSize());
      }
      windows.add(ids);
    }
    return new CalibrationSet("random tokens", length, windows.build());
  }

  static Outputs run(CausalLm model, List<int[]> windows, WeightTransform transform)
      throws IOException {
    return run(model, windows, transform, BlockTap.NONE);
  }

  static Outputs run(CausalLm model, List<int[]> windows, WeightTransform transform, BlockTap tap)
      throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, transform, tap);
      pass.run();
      NDArray batch = Iterables.getOnlyElement(pass.normed(stream));
      return new Outputs(batch.toFloatArray(), firstLogits(model, batch));
    }
  }

  /** What a tap point is shown of one micro-batch. */
  static float[] inputs(
      CausalLm model, List<int[]> windows, WeightTransform transform, String point)
      throws IOException {
    List<float[]> shown = new ArrayList<>();
    BlockTap tap =
        new BlockTap() {
          @Override
          public void sublayer(Sublayer done) {
            NDArray input = done.inputs().get(point);
            if (input != null) {
              shown.add(input.toFloatArray());
            }
          }
        };
    run(model, windows, transform, tap);
    return Iterables.getOnlyElement(shown);
  }

  static NDArray rowsDoubled(NDArray weight, ImmutableIntArray rows, NDManager owner) {
    float[] values = weight.toFloatArray();
    int width = values.length / Math.toIntExact(weight.getShape().get(0));
    rows.forEach(
        row -> {
          for (int i = row * width; i < (row + 1) * width; i++) {
            values[i] *= 2;
          }
        });
    return owner.create(values, weight.getShape());
  }

  /** Looks at something before the first layer and after each. */
  @FunctionalInterface
  public interface Look {
    void look() throws IOException;
  }

  /** Runs a pass of one stream and looks at it meanwhile. */
  public static void run(CausalLm model, ForwardPass pass, ResidualStream stream, Look look)
      throws IOException {
    new PassRunner(model)
        .run(
            new Pass() {
              @Override
              public String name() {
                return pass.name();
              }

              @Override
              public int layers() {
                return pass.layers();
              }

              @Override
              public List<ResidualStream> streams() {
                return List.of(stream);
              }

              @Override
              public void layer(Layer layer) throws IOException {
                if (layer.index() == 0) {
                  look.look();
                }
                pass.layer(layer);
                look.look();
              }
            });
  }

  static double[] negativeLogLikelihoods(CausalLm model, List<int[]> windows) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.windowLosses(List.of(stream)).get(0);
    }
  }

  /** The largest difference between two results, relative to the largest number in them. */
  static double difference(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < actual.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs((double) actual[i] - expected[i]));
    }
    return difference / largest;
  }

  /**
   * The tensors that stand beside or below those of a layer's groups: with {@code
   * model.layers.3.mlp.up_proj.weight} and {@code model.layers.3.self_attn.q_proj.weight} in its
   * groups, all under {@code model.layers.3.}.
   */
  static List<String> blockTensors(CausalLm model) {
    List<String> tensors = new ArrayList<>();
    for (int layer = 0; layer < model.config().layers().size(); layer++) {
      String prefix =
          model.decoder().groups(layer).stream()
              .flatMap(group -> group.slices().stream())
              .map(TensorSlice::tensor)
              .reduce(Strings::commonPrefix)
              .map(common -> common.substring(0, common.lastIndexOf('.') + 1))
              .orElseThrow();
      model.decoder().tensors().keySet().stream()
          .filter(tensor -> tensor.startsWith(prefix))
          .forEach(tensors::add);
    }
    return tensors;
  }

  /** Row after row of the first window's logits. */
  private static float[] firstLogits(CausalLm model, NDArray batch) throws IOException {
    return logits(model, batch.get(0));
  }

  /**
   * Computes all logits of some tokens.
   *
   * @param model the model
   * @param rows what the language head reads, FLOAT32, (tokens, width)
   * @return token after token
   * @throws IOException if the head cannot be read
   */
  public static float[] logits(CausalLm model, NDArray rows) throws IOException {
    int vocabulary = model.config().vocabSize();
    float[] all = new float[Math.toIntExact(rows.getShape().get(0)) * vocabulary];
    new LanguageHead(model)
        .logits(
            rows,
            (logits, firstId) -> {
              int chunk = Math.toIntExact(logits.getShape().get(1));
              float[] values = logits.toFloatArray();
              for (int row = 0; row < values.length / chunk; row++) {
                System.arraycopy(values, row * chunk, all, row * vocabulary + firstId, chunk);
              }
            });
    return all;
  }

  /** Runs the blocks alone and remembers what the transform and the tap were shown. */
  static final class Recorder implements WeightTransform, BlockTap {
    final List<String> tensors = new ArrayList<>();
    final List<String> points = new ArrayList<>();
    final List<Long> channels = new ArrayList<>();

    static Recorder over(CausalLm model) throws IOException {
      Recorder recorder = new Recorder();
      try (ForwardPass pass = new ForwardPass(model)) {
        pass.add(windows(model).windows().subList(0, 1), recorder, recorder);
        pass.run();
      }
      return recorder;
    }

    @Override
    public NDArray apply(String tensor, NDArray weight, NDManager owner) {
      tensors.add(tensor);
      return weight;
    }

    @Override
    public NDArray read(String point, NDArray input) {
      points.add(point);
      channels.add(input.getShape().getLastDimension());
      return input;
    }
  }

  /** The statistics of the inputs at every tap point. */
  public static Map<String, ChannelStatistics> statistics(CausalLm model, CalibrationSet data)
      throws IOException {
    Map<String, ChannelStatistics> statistics = new TreeMap<>();
    try (ForwardPass pass = new ForwardPass(model)) {
      BlockTap tap =
          new BlockTap() {
            @Override
            public void sublayer(Sublayer done) {
              done.inputs()
                  .forEach(
                      (point, input) ->
                          statistics
                              .computeIfAbsent(
                                  point,
                                  any ->
                                      new ChannelStatistics(
                                          Math.toIntExact(input.getShape().getLastDimension())))
                              .accumulate(input));
            }
          };
      pass.add(data.windows(), WeightTransform.NONE, tap);
      pass.run();
    }
    return statistics;
  }
}

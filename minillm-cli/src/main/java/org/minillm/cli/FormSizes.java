package org.minillm.cli;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.runtime.CausalLm;

/**
 * What a model of given shapes takes: as it is stored, and as llama.cpp quantises it.
 *
 * @param stored bytes of a folder
 * @param eightBits bytes as Q8_0
 * @param fourBits bytes as Q4_K_M
 */
record FormSizes(long stored, long eightBits, long fourBits) {

  /** Blocks of 32 numbers; rows of other lengths stay float16. */
  private static final int BLOCK = 32;

  /** Blocks of the K-quants; rows that are whole blocks of 32 only fall back. */
  private static final int SUPER_BLOCK = 256;

  private static final double F32 = 4;
  private static final double F16 = 2;
  private static final double Q8_0 = 34.0 / 32;
  private static final double Q6_K = 210.0 / 256;
  private static final double Q5_0 = 22.0 / 32;
  private static final double Q4_K = 144.0 / 256;

  static FormSizes of(CausalLm model, List<LayerShape> layers) {
    double stored = 0;
    double eight = 0;
    double four = 0;
    Set<String> more = moreBits(model.config());
    Map<String, Shape> shapes = shapes(model, layers);
    for (Map.Entry<String, Shape> tensor : shapes.entrySet()) {
      Shape shape = tensor.getValue();
      double numbers = shape.size();
      stored +=
          numbers
              * requireNonNull(model.checkpoint().tensors().get(tensor.getKey())).type().bytes();
      if (shape.dimension() < 2) {
        eight += numbers * F32;
        four += numbers * F32;
        continue;
      }
      long row = shape.get(1);
      eight += numbers * (row % BLOCK == 0 ? Q8_0 : F16);
      boolean better =
          tensor.getKey().equals(model.decoder().headTensor())
              || more.stream().anyMatch(tensor.getKey()::contains);
      four += numbers * fourBits(row, better);
    }
    return new FormSizes((long) stored, (long) eight, (long) four);
  }

  private static double fourBits(long row, boolean better) {
    if (row % SUPER_BLOCK == 0) {
      return better ? Q6_K : Q4_K;
    }
    return row % BLOCK != 0 ? F16 : better ? Q8_0 : Q5_0;
  }

  /** The values and the ends of MLPs of some layers get more bits: the ends, and every third. */
  private static Set<String> moreBits(ModelConfig config) {
    int layers = config.layers().size();
    return IntStream.range(0, layers)
        .filter(i -> i < layers / 8 || i >= 7 * layers / 8 || (i - layers / 8) % 3 == 2)
        .boxed()
        .flatMap(
            i ->
                Stream.of(
                    "." + i + ".self_attn.v_proj.weight",
                    "." + i + ".mlp.down_proj.weight",
                    "." + i + ".mlp.dense_4h_to_h.weight"))
        .collect(Collectors.toSet());
  }

  private static Map<String, Shape> shapes(CausalLm model, List<LayerShape> layers) {
    Map<String, Shape> shapes = new LinkedHashMap<>(model.decoder().tensors());
    for (PruningGroup group : model.groups(List.of(GroupKind.values()))) {
      int kept = layers.get(group.id().layer()).units(group.id().kind());
      group
          .slices()
          .forEach(
              slice -> {
                long[] sizes = requireNonNull(shapes.get(slice.tensor())).getShape().clone();
                sizes[slice.axis()] = (long) kept * slice.width();
                shapes.put(slice.tensor(), new Shape(sizes));
              });
    }
    return shapes;
  }

  /** In words, such as {@code 215.3 MB}. */
  static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }
}

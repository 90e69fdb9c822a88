package org.minillm.gguf;

import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.checkpoint.PositionedFile;
import org.minillm.core.checkpoint.StoredTensor;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/** Presents the tensors of a file under the names, and with the rows, that a folder's have. */
final class GgufTensors {

  /** Made anew by every loader, or read with the configuration. */
  private static final List<String> CONSTANTS =
      List.of("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight");

  private final GgufKeys keys;
  private final GgufConfig config;
  private final PositionedFile file;
  private final String architecture;

  GgufTensors(GgufKeys keys, GgufConfig config, PositionedFile file) throws MalformedFileException {
    this.keys = keys;
    this.config = config;
    this.file = file;
    this.architecture = keys.requiredText("general.architecture");
  }

  List<StoredTensor> of(List<GgufHeader.Entry> entries) throws IOException {
    List<StoredTensor> tensors = new ArrayList<>();
    for (GgufHeader.Entry entry : entries) {
      if (!CONSTANTS.contains(entry.name())) {
        if (architecture.equals("openelm") && entry.name().contains(".attn_qkv.")) {
          addParts(entry, tensors);
        } else {
          tensors.add(stored(entry));
        }
      }
    }
    return tensors;
  }

  private StoredTensor stored(GgufHeader.Entry entry) throws IOException {
    return stored(named(entry, entry.name()), entry.shape(), entry, reordered(entry));
  }

  private StoredTensor stored(
      String name, Shape shape, GgufHeader.Entry entry, StoredTensor.Bytes bytes) {
    return new StoredTensor(new TensorInfo(name, type(entry), shape), file.path(), bytes);
  }

  private String named(GgufHeader.Entry entry, String name) throws MalformedFileException {
    TensorNames names = config.modelType().equals("bloom") ? TensorNames.BLOOM : TensorNames.LLAMA;
    return names
        .huggingFace(name)
        .orElseThrow(
            () ->
                keys.refuse(
                    "tensor %s, which a model of the architecture %s is not known to have"
                        .formatted(JsonNode.shortened(entry.name()), architecture)));
  }

  /** Quantised numbers are presented as float16. */
  private static TensorType type(GgufHeader.Entry entry) {
    return switch (entry.type()) {
      case F32 -> TensorType.F32;
      case BF16 -> TensorType.BF16;
      default -> TensorType.F16;
    };
  }

  private StoredTensor.Bytes plain(GgufHeader.Entry entry) {
    return entry.type().block() == 1
        ? (into, offset) -> file.read(into, entry.position() + offset)
        : new BlockBytes(file, entry);
  }

  private static long rowBytes(GgufHeader.Entry entry) {
    Shape shape = entry.shape();
    return (shape.dimension() == 1 ? 1 : shape.get(1)) * type(entry).bytes();
  }

  private StoredTensor.Bytes reordered(GgufHeader.Entry entry) throws MalformedFileException {
    String name = entry.name();
    boolean turned = architecture.equals("llama") || architecture.equals("deci");
    if (turned && (name.contains(".attn_q.") || name.contains(".attn_k."))) {
      return reordered(entry, RowGroups.rotary(config.headDim()).inverse());
    }
    return name.contains(".attn_qkv.")
        ? reordered(entry, together(config.queryHeads().get(0)))
        : plain(entry);
  }

  private StoredTensor.Bytes reordered(GgufHeader.Entry entry, RowGroups order)
      throws MalformedFileException {
    if (entry.shape().get(0) % order.rows() != 0) {
      throw keys.refuse(
          "%s has %d rows, expected a multiple of %d"
              .formatted(JsonNode.shortened(entry.name()), entry.shape().get(0), order.rows()));
    }
    return new GroupedRows(plain(entry), rowBytes(entry), order);
  }

  /** BLOOM's: of all queries, keys and values those of each head. */
  private RowGroups together(int heads) throws MalformedFileException {
    int width = config.headDim();
    if (heads < 1 || 3L * heads * width > Integer.MAX_VALUE / 4) {
      throw keys.refuse(heads + " heads of " + width + ", expected at least one");
    }
    int rows = 3 * heads * width;
    return new RowGroups(
        rows,
        ImmutableIntArray.copyOf(
            IntStream.range(0, rows)
                .map(
                    row ->
                        row / width % 3 * heads * width
                            + row / (3 * width) * width
                            + row % width)));
  }

  /** Queries, keys and values that stand in one tensor, one after the other. */
  private void addParts(GgufHeader.Entry entry, List<StoredTensor> tensors) throws IOException {
    int layer = layer(entry.name());
    long queries = (long) config.queryHeads().get(layer) * config.headDim();
    long keysAndValues = (long) config.keyValueHeads().get(layer) * config.headDim();
    if (entry.shape().dimension() != 2 || entry.shape().get(0) != queries + 2 * keysAndValues) {
      throw keys.refuse(
          "%s has the shape %s, expected %d rows"
              .formatted(entry.name(), entry.shape(), queries + 2 * keysAndValues));
    }
    StoredTensor.Bytes all = plain(entry);
    long first = 0;
    for (String role : List.of("attn_q", "attn_k", "attn_v")) {
      long rows = role.equals("attn_q") ? queries : keysAndValues;
      long skipped = first * rowBytes(entry);
      tensors.add(
          stored(
              named(entry, entry.name().replace("attn_qkv", role)),
              new Shape(rows, entry.shape().get(1)),
              entry,
              (into, offset) -> all.read(into, skipped + offset)));
      first += rows;
    }
  }

  private int layer(String name) throws MalformedFileException {
    String number = name.replaceFirst("^blk\\.(\\d{1,4})\\..*", "$1");
    int layer = number.equals(name) ? -1 : Integer.parseInt(number);
    if (layer < 0 || layer >= config.layers()) {
      throw keys.refuse(JsonNode.shortened(name) + " is of no layer of the model");
    }
    return layer;
  }
}

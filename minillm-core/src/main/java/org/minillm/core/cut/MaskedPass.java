package org.minillm.core.cut;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.checkpoint.Widening;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.HostMemory;

/**
 * The dense model in its own shapes, with removed units silenced and restored weights in their
 * places: what the written model has to compute, by another way.
 */
final class MaskedPass implements Pass {

  private final CausalLm model;
  private final CutTable table;
  private final Function<String, Optional<TensorOutput>> restored;
  private final ResidualStream stream;

  MaskedPass(
      CausalLm model,
      CutTable table,
      Function<String, Optional<TensorOutput>> restored,
      List<int[]> windows) {
    this.model = model;
    this.table = table;
    this.restored = restored;
    this.stream = ResidualStream.of(model, windows);
  }

  @Override
  public String name() {
    return "masked";
  }

  @Override
  public int layers() {
    return model.config().layers().size();
  }

  @Override
  public List<ResidualStream> streams() {
    return List.of(stream);
  }

  @Override
  public void layer(Layer layer) throws IOException {
    Map<String, NDArray> read = new HashMap<>();
    for (String tensor : restorable(layer.index())) {
      Optional<TensorOutput> output = restored.apply(tensor);
      if (output.isPresent()) {
        read.put(tensor, dense(tensor, output.get(), layer.owner()));
      }
    }
    WeightTransform masked = new MaskedWeights(table);
    layer.advance(
        stream,
        (tensor, weight, owner) -> {
          NDArray instead = read.get(tensor);
          return instead == null ? masked.apply(tensor, weight, owner) : instead;
        },
        BlockTap.NONE);
  }

  /** What a restoration may change of a layer. */
  private List<String> restorable(int layer) {
    Decoder decoder = model.decoder();
    Stream<String> ofGroups =
        decoder.groups(layer).stream()
            .flatMap(
                (PruningGroup group) ->
                    Stream.concat(
                        group.slices().stream().map(TensorSlice::tensor),
                        group.consumerBias().stream()));
    // the weight that makes values is of a group
    Stream<String> ofValues =
        decoder.groups(layer).stream()
            .filter(group -> group.id().kind() == GroupKind.ATTENTION_HEADS)
            .flatMap(group -> Stream.ofNullable(decoder.values(layer).bias()));
    return Stream.concat(ofGroups, ofValues).distinct().toList();
  }

  /** In the dense model's shape; in the masked form it is so already. */
  private NDArray dense(String tensor, TensorOutput output, NDManager owner) throws IOException {
    NDArray written = owner.create(output.info().shape(), DataType.FLOAT32);
    HostMemory.fillBytes(
        written,
        bytes -> output.content().writeTo(new Widened(output.info().type(), bytes.asIntBuffer())));
    Optional<CutTable.Cut> cut = table.cut(tensor);
    TensorInfo whole = model.checkpoint().tensor(tensor);
    if (cut.isEmpty() || written.getShape().equals(whole.shape())) {
      return written;
    }
    NDArray spread = cut.get().spread(written, owner);
    written.close();
    return spread;
  }

  /** Takes whole elements, as {@link org.minillm.core.checkpoint.TensorContent} writes them. */
  private record Widened(TensorType type, IntBuffer target) implements WritableByteChannel {
    @Override
    public int write(ByteBuffer source) {
      int bytes = source.remaining();
      Widening.widen(type, source, target);
      source.position(source.limit());
      return bytes;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {
      // the array stays
    }
  }
}

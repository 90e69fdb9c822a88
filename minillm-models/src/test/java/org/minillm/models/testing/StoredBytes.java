package org.minillm.models.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableMap;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;

/** Files and tensors as they lie on the disk, selected here without the code under test. */
public final class StoredBytes {

  private StoredBytes() {}

  /** SHA-256 of every file of a folder. */
  public static ImmutableMap<String, String> digests(Path folder) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        digests.put(
            file.getFileName().toString(),
            Hashing.sha256().hashBytes(Files.readAllBytes(file)).toString());
      }
    }
    return ImmutableMap.copyOf(digests);
  }

  /** Checks that every tensor of a cut model is what the plan leaves of the dense model's. */
  static void assertSelected(CausalLm cut, CausalLm dense, PruningPlan plan) throws IOException {
    Map<String, TensorSlice> slices = new HashMap<>();
    Map<String, ImmutableIntArray> units = new HashMap<>();
    for (PruningGroup group : dense.groups(Arrays.asList(GroupKind.values()))) {
      for (TensorSlice slice : group.slices()) {
        slices.put(slice.tensor(), slice);
        units.put(slice.tensor(), plan.kept(group.id(), group.units()));
      }
    }
    for (TensorInfo tensor : dense.checkpoint().tensors().values()) {
      byte[] whole = bytes(dense.checkpoint(), tensor.name());
      TensorSlice slice = slices.get(tensor.name());
      assertThat(bytes(cut.checkpoint(), tensor.name()))
          .as(tensor.name())
          .isEqualTo(
              slice == null ? whole : selected(whole, tensor, slice, units.get(tensor.name())));
    }
  }

  private static byte[] bytes(Checkpoint checkpoint, String tensor) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    checkpoint.content(tensor).writeTo(Channels.newChannel(bytes));
    return bytes.toByteArray();
  }

  private static byte[] selected(
      byte[] whole, TensorInfo tensor, TensorSlice slice, ImmutableIntArray units) {
    int size = tensor.type().bytes();
    int columns = tensor.shape().dimension() == 2 ? (int) tensor.shape().get(1) : 1;
    int rows = (int) tensor.shape().get(0);
    int[] kept =
        units.stream()
            .flatMap(u -> IntStream.range(u * slice.width(), (u + 1) * slice.width()))
            .toArray();
    int[] keptRows = slice.axis() == 0 ? kept : IntStream.range(0, rows).toArray();
    int[] keptColumns = slice.axis() == 1 ? kept : IntStream.range(0, columns).toArray();
    ByteBuffer result = ByteBuffer.allocate(keptRows.length * keptColumns.length * size);
    for (int row : keptRows) {
      for (int column : keptColumns) {
        result.put(whole, (row * columns + column) * size, size);
      }
    }
    return result.array();
  }
}

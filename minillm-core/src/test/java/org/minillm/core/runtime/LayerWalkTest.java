package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.WeightSource;

class LayerWalkTest {

  private static final String MAIN = Thread.currentThread().getName();
  private static final int LAYERS = 3;

  private final NDManager manager = NDManager.newBaseManager();
  private final File file = new File();

  @AfterEach
  void free() {
    manager.close();
  }

  /** Remembers who read what, and what is in memory. */
  private static final class File implements WeightSource {
    final List<String> reads = new CopyOnWriteArrayList<>();
    final Map<String, NDArray> arrays = new ConcurrentHashMap<>();
    final Map<String, CountDownLatch> gates = new ConcurrentHashMap<>();
    String unreadable = "";

    @Override
    public NDArray read(String tensor, NDManager owner) throws IOException {
      CountDownLatch gate = gates.get(tensor);
      try {
        if (gate != null && !gate.await(20, TimeUnit.SECONDS)) {
          throw new IOException(tensor + " waited for what never happened");
        }
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      if (tensor.equals(unreadable)) {
        throw new IOException(tensor + " cannot be read");
      }
      String thread = Thread.currentThread().getName();
      reads.add(tensor + (thread.equals(MAIN) ? "" : " ahead"));
      arrays.put(tensor, owner.create(new float[] {tensor.hashCode()}));
      return arrays.get(tensor);
    }

    List<String> inMemory() {
      return arrays.keySet().stream().filter(t -> !arrays.get(t).isReleased()).sorted().toList();
    }
  }

  private LayerWalk walk(boolean readsAhead) {
    return new LayerWalk(
        0,
        LAYERS,
        readsAhead,
        layer ->
            new LayerWeights(
                file,
                ImmutableSet.of(layer + ".up", layer + ".down"),
                manager.newSubManager(),
                false));
  }

  /** Reads both matrices and the norm of a layer. */
  private static float[] compute(LayerWeights weights, int layer) throws IOException {
    float sum = 0;
    for (String tensor : List.of(".up", ".down", ".norm")) {
      sum += weights.read(layer + tensor, null).toFloatArray()[0];
    }
    return new float[] {sum};
  }

  private static List<Thread> readers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("minillm-read-ahead"))
        .toList();
  }

  @Test
  void theNextLayerIsReadOnAnotherThreadWhileThisOneComputes() throws IOException {
    // GIVEN a file that hands out layer 1 only when layer 0 has been computed
    CountDownLatch computed = new CountDownLatch(1);
    file.gates.put("1.up", computed);
    try (LayerWalk walk = walk(true)) {
      // WHEN layers 0 and 1 are computed
      try (LayerWeights weights = walk.next()) {
        compute(weights, 0);
        computed.countDown();
      }
      try (LayerWeights weights = walk.next()) {
        compute(weights, 1);
      }
    }

    // THEN the matrices of layer 1 were read ahead, its norm when it was asked for
    assertThat(file.reads)
        .filteredOn(read -> !read.startsWith("2"))
        .containsExactly("0.up", "0.down", "0.norm", "1.up ahead", "1.down ahead", "1.norm");
  }

  @Test
  void noMoreThanOneLayerIsReadAhead() throws IOException {
    try (LayerWalk walk = walk(true);
        LayerWeights weights = walk.next()) {
      // WHEN layer 0 is at work until all that is read ahead has been read
      compute(weights, 0);
      for (Thread reader : readers()) {
        assertThatCode(() -> reader.join(20_000)).doesNotThrowAnyException();
      }

      // THEN of layer 2 nothing is there
      assertThat(file.inMemory()).containsExactly("0.down", "0.norm", "0.up", "1.down", "1.up");
    }
  }

  @Test
  void withAndWithoutReadAheadTheWeightsAreTheSame() throws IOException {
    // GIVEN a walk without room for a second layer, and one with it
    try (LayerWalk without = walk(false);
        LayerWalk with = walk(true)) {
      for (int layer = 0; layer < LAYERS; layer++) {
        try (LayerWeights plain = without.next();
            LayerWeights ahead = with.next()) {
          // WHEN each layer is computed in both
          // THEN the results are equal
          assertThat(compute(ahead, layer)).isEqualTo(compute(plain, layer));
        }
      }
    }

    // AND without room nothing was read before it was asked for
    assertThat(file.reads.stream().filter(read -> read.endsWith(" ahead")))
        .hasSize(2 * (LAYERS - 1));
    assertThat(file.inMemory()).isEmpty();
  }

  @Test
  void anErrorAppearsWhereTheLayerIsUsed() throws IOException {
    // GIVEN a tensor that cannot be read
    file.unreadable = "1.down";
    try (LayerWalk walk = walk(true)) {
      // WHEN the layer before it is computed
      try (LayerWeights weights = walk.next()) {
        compute(weights, 0);
      }

      // THEN nothing is wrong until its own layer is
      try (LayerWeights weights = walk.next()) {
        assertThatThrownBy(() -> weights.read("1.up", null))
            .isInstanceOf(IOException.class)
            .hasMessage("1.down cannot be read");
      }
    }
    assertThat(file.inMemory()).isEmpty();
  }

  @Test
  void aWalkThatEndsEarlyLeavesNoThreadAndNoMemory() throws IOException {
    // GIVEN a walk that is left at its first layer while the next is being read
    file.unreadable = "0.norm";
    assertThatThrownBy(
            () -> {
              try (LayerWalk walk = walk(true);
                  LayerWeights weights = walk.next()) {
                compute(weights, 0);
              }
            })
        .hasMessage("0.norm cannot be read");

    // THEN
    assertThat(readers()).isEmpty();
    assertThat(file.inMemory()).isEmpty();
  }
}

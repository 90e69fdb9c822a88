package org.minillm.core.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.fake.FakeModel;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.CounterRng;
import org.minillm.core.tensor.HostMemory;

class NoiseInjectionTest {

  /** Halves of small whole numbers are exact; the sum rounds once. */
  private static final float TOLERANCE = 1e-6f;

  @TempDir private Path temp;

  private CausalLm model;
  private NDManager manager;

  @BeforeEach
  void open() throws IOException {
    model = CausalLm.open(FakeModel.in(temp));
    manager = model.newManager();
  }

  @AfterEach
  void free() throws IOException {
    model.close();
  }

  /** Windows of as many tokens as make a micro-batch of some of them, all of one number. */
  private ResidualStream stream(int rowsPerBatch, float... windows) throws IOException {
    int length = ResidualStream.TOKENS_PER_BATCH / rowsPerBatch;
    ResidualStream stream =
        ResidualStream.of(model, Collections.nCopies(windows.length, new int[length])).beside();
    int from = 0;
    for (Shape shape : stream.shapes()) {
      int rows = Math.toIntExact(shape.get(0));
      float[] batch = Arrays.copyOfRange(windows, from, from + rows);
      stream.add(manager.create(batch, new Shape(rows, 1, 1)).broadcast(shape).duplicate());
      from += rows;
    }
    return stream;
  }

  private List<Float> values(ResidualStream stream) throws IOException {
    List<Float> values = new ArrayList<>();
    for (int batch = 0; batch < stream.shapes().size(); batch++) {
      NDArray hidden = stream.read(batch, manager);
      for (long window = 0; window < hidden.getShape().get(0); window++) {
        NDArray ofWindow = hidden.get(window);
        assertThat(ofWindow.max().getFloat()).isEqualTo(ofWindow.min().getFloat());
        values.add(ofWindow.max().getFloat());
      }
    }
    return values;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void everyWindowGetsHalfOfWhatTheOneBeforeItMisses(int rowsPerBatch) throws IOException {
    // GIVEN five windows that miss 1, 2, 3, 4 and 5 beside noise of 7, in micro-batches of any size
    try (ResidualStream dense = stream(rowsPerBatch, 11, 22, 33, 44, 55);
        ResidualStream pruned = stream(rowsPerBatch, 17, 27, 37, 47, 57);
        ResidualStream noise = stream(rowsPerBatch, 7, 7, 7, 7, 7)) {
      NDArray drawn = manager.create(new Shape(5));
      HostMemory.fill(drawn, all -> CounterRng.fillSigns(all, 0, CounterRng.stream("a layer"), 0));
      FloatBuffer signs = HostMemory.floats(drawn);

      // WHEN half of it goes on to the next window, that of the last to the first
      new NoiseInjection(dense, pruned, noise).add("a layer", 0.5, manager);

      // THEN it came with the signs of that layer, is noise, and the dense stream is as it was
      float[] added = {2.5f, 0.5f, 1, 1.5f, 2};
      List<Float> found = values(pruned);
      List<Float> known = values(noise);
      assertThat(found).hasSize(5);
      for (int i = 0; i < 5; i++) {
        float more = signs.get(i) * added[i];
        assertThat(found.get(i)).isCloseTo(10 * (i + 1) + 7 + more, within(TOLERANCE));
        assertThat(known.get(i)).isCloseTo(7 + more, within(TOLERANCE));
      }
      assertThat(values(dense)).containsExactly(11f, 22f, 33f, 44f, 55f);
    }
  }
}

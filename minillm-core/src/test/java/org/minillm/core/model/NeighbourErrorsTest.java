package org.minillm.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.checkpoint.ScratchFile;
import org.minillm.core.tensor.CounterRng;

class NeighbourErrorsTest {

  /** Halves of small whole numbers are exact; the sum rounds once. */
  private static final float TOLERANCE = 1e-6f;

  @TempDir private Path temp;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void free() {
    manager.close();
  }

  /** Windows of one token and one channel. */
  private ResidualStream stream(boolean spilled, int rowsPerBatch, float... windows)
      throws IOException {
    ResidualStream stream =
        new ResidualStream(manager.newSubManager(), spilled ? ScratchFile.near(temp) : null);
    for (int from = 0; from < windows.length; from += rowsPerBatch) {
      int rows = Math.min(rowsPerBatch, windows.length - from);
      float[] batch = new float[rows];
      System.arraycopy(windows, from, batch, 0, rows);
      stream.add(manager.create(batch, new Shape(rows, 1, 1)));
    }
    return stream;
  }

  private List<Float> values(ResidualStream stream) throws IOException {
    List<Float> values = new ArrayList<>();
    for (int batch = 0; batch < stream.shapes().size(); batch++) {
      for (float value : stream.read(batch, manager).toFloatArray()) {
        values.add(value);
      }
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({"false,1", "false,2", "false,5", "true,1", "true,2", "true,5"})
  void everyWindowGetsHalfOfWhatTheOneBeforeItMisses(boolean spilled, int rowsPerBatch)
      throws IOException {
    // GIVEN five windows that miss 1, 2, 3, 4 and 5 beside noise of 7, in micro-batches of any size
    try (ResidualStream dense = stream(spilled, rowsPerBatch, 11, 22, 33, 44, 55);
        ResidualStream pruned = stream(spilled, rowsPerBatch, 17, 27, 37, 47, 57);
        ResidualStream noise = stream(spilled, rowsPerBatch, 7, 7, 7, 7, 7)) {
      FloatBuffer signs = FloatBuffer.allocate(5);
      CounterRng.fillSigns(signs, 0, CounterRng.stream("a layer"), 0);

      // WHEN half of it goes on to the next window, that of the last to the first
      new NeighbourErrors(dense, pruned, noise).add("a layer", 0.5, manager);

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

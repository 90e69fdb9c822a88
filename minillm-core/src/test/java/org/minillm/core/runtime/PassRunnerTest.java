package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.fake.FakeModel;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.JournalFolder;

/**
 * On {@link FakeModel}, whose second layer, with its down projection doubled, makes (c+4d, 4c-d).
 */
class PassRunnerTest {

  private static final List<int[]> WINDOWS = List.of(new int[] {0, 1}, new int[] {2, 0});

  @TempDir private Path temp;

  private CausalLm model;

  @BeforeEach
  void open() throws IOException {
    model = CausalLm.open(FakeModel.in(temp));
  }

  @AfterEach
  void close() throws IOException {
    model.close();
  }

  /** A stream with a twin that parts before the second layer, whose weights are doubled for it. */
  private final class Twins implements Pass {
    private final ResidualStream dense = ResidualStream.of(model, WINDOWS);
    private final ResidualStream twin = dense.twin();
    private final ResidualStream beside = dense.beside();
    private final List<Integer> layers = new ArrayList<>();
    private int breaksAt = -1;
    private boolean breaksAtTheEnd;
    private boolean ended;

    @Override
    public String name() {
      return "twins";
    }

    @Override
    public int layers() {
      return 2;
    }

    @Override
    public List<ResidualStream> streams() {
      return List.of(dense, twin, beside);
    }

    @Override
    public void layer(Layer layer) throws IOException {
      if (layer.index() == breaksAt) {
        throw new IOException("interrupted");
      }
      layers.add(layer.index());
      if (layer.index() == 1) {
        twin.part();
        layer.advance(twin, PassRunnerTest::doubled, BlockTap.NONE);
      }
      layer.advance(dense, WeightTransform.NONE, BlockTap.NONE);
    }

    @Override
    public void end() throws IOException {
      if (breaksAtTheEnd) {
        throw new IOException("interrupted");
      }
      ended = true;
    }

    @Override
    public JsonElement toJson() {
      return new JsonPrimitive(layers.size());
    }

    @Override
    public void resume(int done, JsonNode json) {
      for (int layer = 0; layer < json.integer(); layer++) {
        layers.add(-1);
      }
    }
  }

  private static NDArray doubled(String tensor, NDArray weight, NDManager owner) {
    if (!tensor.endsWith("down")) {
      return weight;
    }
    NDArray doubled = weight.mul(2);
    doubled.attach(owner);
    return doubled;
  }

  private static float[] numbers(ResidualStream stream) throws IOException {
    return stream.hidden().get(0).toFloatArray();
  }

  @Test
  void aStreamGoesThroughAllLayers() throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(WINDOWS, WeightTransform.NONE, BlockTap.NONE);

      // WHEN
      pass.run();

      // THEN each token stands where it stands by hand
      assertThat(numbers(stream)).containsExactly(1, 6, 3, 2, 4, 8, 1, 6);
    }
  }

  @Test
  void streamsAreOneUntilTheyPart() throws IOException {
    try (Twins pass = new Twins()) {
      // GIVEN a twin
      assertThat(pass.twin.isOneWith(pass.dense)).isTrue();

      // WHEN it parts before the second layer
      new PassRunner(model).run(pass);

      // THEN each stands where its own weights take it
      assertThat(numbers(pass.dense)).containsExactly(1, 6, 3, 2, 4, 8, 1, 6);
      assertThat(numbers(pass.twin)).containsExactly(-1, 13, 5, 3, 4, 16, -1, 13);
      assertThat(pass.twin.isOneWith(pass.dense)).isFalse();
      assertThat(pass.beside.hasBegun()).isFalse();
      assertThat(pass.ended).isTrue();
    }
  }

  @Test
  void aPassGoesOnWhereItWasInterrupted() throws IOException {
    // GIVEN a pass that was interrupted at its second layer
    try (JournalFolder journal = journal();
        Twins first = new Twins()) {
      first.breaksAt = 1;
      assertThatThrownBy(() -> new PassRunner(model, PassListener.SILENT, journal).run(first))
          .hasMessage("interrupted");
    }

    // WHEN another one is run with its journal
    List<Long> steps = new ArrayList<>();
    try (JournalFolder journal = journal();
        Twins second = new Twins()) {
      new PassRunner(model, counting(steps), journal).run(second);

      // THEN it goes on with the second layer, ends the same, and all steps were told
      assertThat(second.layers).containsExactly(-1, 1);
      assertThat(numbers(second.dense)).containsExactly(1, 6, 3, 2, 4, 8, 1, 6);
      assertThat(numbers(second.twin)).containsExactly(-1, 13, 5, 3, 4, 16, -1, 13);
      assertThat(steps).containsExactly(1L, 1L);
    }

    // WHEN a third one comes
    try (JournalFolder journal = journal();
        Twins third = new Twins()) {
      new PassRunner(model, counting(steps), journal).run(third);

      // THEN it knows what was found, and does nothing
      assertThat(third.layers).containsExactly(-1, -1);
      assertThat(third.ended).isFalse();
      assertThat(steps).containsExactly(1L, 1L, 2L);
    }
  }

  @Test
  void streamsThatHavePartedGoOnApart() throws IOException {
    // GIVEN a pass that was interrupted after its twin had parted
    try (JournalFolder journal = journal();
        Twins first = new Twins()) {
      first.breaksAtTheEnd = true;
      assertThatThrownBy(() -> new PassRunner(model, PassListener.SILENT, journal).run(first))
          .hasMessage("interrupted");
    }

    // WHEN another one goes on
    try (JournalFolder journal = journal();
        Twins second = new Twins()) {
      new PassRunner(model, PassListener.SILENT, journal).run(second);

      // THEN both stand where they stood
      assertThat(second.layers).containsExactly(-1, -1);
      assertThat(numbers(second.dense)).containsExactly(1, 6, 3, 2, 4, 8, 1, 6);
      assertThat(numbers(second.twin)).containsExactly(-1, 13, 5, 3, 4, 16, -1, 13);
    }
  }

  @Test
  void whatAnotherPassHasSavedIsDoneAgain() throws IOException {
    // GIVEN the journal of a pass with streams of other lengths
    try (JournalFolder journal = journal();
        ForwardPass other = new ForwardPass(model, "twins")) {
      other.add(List.of(new int[] {1}), WeightTransform.NONE, BlockTap.NONE);
      other.add(List.of(new int[] {1}), WeightTransform.NONE, BlockTap.NONE);
      other.add(List.of(new int[] {1}), WeightTransform.NONE, BlockTap.NONE);
      new PassRunner(model, PassListener.SILENT, journal).run(other);
    }

    // WHEN
    try (JournalFolder journal = journal();
        Twins pass = new Twins()) {
      new PassRunner(model, PassListener.SILENT, journal).run(pass);

      // THEN it begins anew
      assertThat(pass.layers).containsExactly(0, 1);
    }
  }

  /** Sums the first numbers of what the first layer's up projection reads. */
  private static final class FirstNumbers implements Observer<FirstNumbers.Sum> {

    static final class Sum implements Sums<Sum> {
      double sum;

      @Override
      public void merge(Sum later) {
        sum += later.sum;
      }
    }

    @Override
    public Sum begin(NDManager owner) {
      return new Sum();
    }

    @Override
    public BlockTap watch(Sum sums, int batch, NDManager scratch) {
      return new BlockTap() {
        @Override
        public void sublayer(Sublayer done) {
          float[] read = done.inputs().values().iterator().next().toFloatArray();
          for (int i = 0; i < read.length; i += 2) {
            sums.sum += read[i];
          }
        }
      };
    }
  }

  /** Observes each layer, then goes on. */
  private final class Observing implements Pass {
    private final ResidualStream stream = ResidualStream.of(model, WINDOWS);
    private final List<Double> sums = new ArrayList<>();

    @Override
    public String name() {
      return "observing";
    }

    @Override
    public int layers() {
      return 2;
    }

    @Override
    public List<ResidualStream> streams() {
      return List.of(stream);
    }

    @Override
    public void layer(Layer layer) throws IOException {
      sums.add(layer.observe(stream, WeightTransform.NONE, new FirstNumbers()).sum);
      sums.add(layer.advance(stream, WeightTransform.NONE, new FirstNumbers()).sum);
    }
  }

  @Test
  void toObserveMovesNothing() throws IOException {
    try (Observing pass = new Observing()) {
      // WHEN
      new PassRunner(model).run(pass);

      // THEN it sees what the stream sees that goes on, and that went on once a layer
      assertThat(pass.sums).containsExactly(3.0, 3.0, 11.0, 11.0);
      assertThat(numbers(pass.stream)).containsExactly(1, 6, 3, 2, 4, 8, 1, 6);
    }
  }

  private JournalFolder journal() throws IOException {
    return JournalFolder.open(temp.resolve("journal"), Map.of("run", "this"), Duration.ZERO);
  }

  private static PassListener counting(List<Long> steps) {
    return new PassListener() {
      @Override
      public void stepsDone(long done) {
        steps.add(done);
      }
    };
  }
}

package org.minillm.core.cut;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.ScratchTensors;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.prune.Pruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.restore.RestorationPass;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Writes what a plan leaves of a checkpoint. The tensors are sliced, or zeroed, in the type they
 * are stored in, streamed from file to file: what stays is the same to the bit, and nothing is ever
 * whole in memory. What {@link Pruner#apply} does, for those who have a plan and nothing else to
 * choose.
 */
public final class CheckpointCutter {

  /** File name of the plan beside the weights. */
  static final String PLAN_FILE = "minillm-plan.json";

  private final PassRunner runner;
  private final CausalLm model;
  private final PruningPlan plan;
  private final CutTable table;
  private final @Nullable Restoring restoring;
  private final Export export;

  /** A restoration and the text that it is fitted to. */
  private record Restoring(Restoration restoration, CalibrationSet data) {}

  /**
   * Sets up a cut that leaves what stays as it is, to the bit.
   *
   * @param runner knows the model that the plan was made for, and is told of the progress, a step a
   *     byte
   * @param plan which units stay
   * @throws IOException if the checkpoint cannot be read, or has tensors in its layers that the
   *     model does not compute with
   * @throws IllegalArgumentException if the plan was made for another model
   */
  public CheckpointCutter(PassRunner runner, PruningPlan plan) throws IOException {
    this(runner, plan, table(runner, plan), null, new CutExport());
  }

  private static CutTable table(PassRunner runner, PruningPlan plan) throws IOException {
    requireNonNull(runner, "runner");
    requireNonNull(plan, "plan");
    CausalLm model = runner.model();
    plan.requireMadeFor(ModelFingerprint.of(model));
    model.requireLayersRead();
    return CutTable.of(plan, model.groups(Arrays.asList(GroupKind.values())));
  }

  private CheckpointCutter(
      PassRunner runner,
      PruningPlan plan,
      CutTable table,
      @Nullable Restoring restoring,
      Export export) {
    this.runner = runner;
    this.model = runner.model();
    this.plan = plan;
    this.table = table;
    this.restoring = restoring;
    this.export = export;
  }

  /**
   * Chooses how what stays makes up for what goes.
   *
   * @param restoration how the consumers are changed
   * @param data what the model reads meanwhile
   * @return a cut with that restoration
   */
  public CheckpointCutter restoring(Restoration restoration, CalibrationSet data) {
    requireNonNull(restoration, "restoration");
    requireNonNull(data, "data");
    return new CheckpointCutter(runner, plan, table, new Restoring(restoration, data), export);
  }

  /**
   * Chooses the form of the result.
   *
   * @param chosen cut, unless chosen otherwise
   * @return a cut of that form
   */
  public CheckpointCutter export(Export chosen) {
    requireNonNull(chosen, "chosen");
    return new CheckpointCutter(runner, plan, table, restoring, chosen);
  }

  /**
   * Forecasts what {@link #write} needs in memory; it reserves it.
   *
   * @return the forecast of the model, with the streams and second moments of the restoration; of
   *     the process alone where nothing is restored
   */
  public MemoryForecast memoryForecast() {
    return restoring == null
        ? MemoryForecast.ofTheProcess()
        : RestorationPass.memoryForecast(
            model,
            restoring.data(),
            restoring.restoration(),
            plan.groups().keySet().stream()
                .map(GroupId::kind)
                .collect(ImmutableSet.toImmutableSet()));
  }

  /**
   * Restores what the plan leaves, if that was asked for, and writes it.
   *
   * @param target the folder to write
   * @param overwrite whether an existing target is replaced
   * @return what was removed
   * @throws IOException if the checkpoint cannot be read or the target cannot be written
   * @throws IllegalArgumentException if the form cannot say what the plan leaves, see {@link
   *     Export#obstacle}
   */
  public PruningReport write(Path target, boolean overwrite) throws IOException {
    requireNonNull(target, "target");
    WrittenModel.requireSayable(export, model, layers());
    if (restoring == null) {
      model.requireBudget(memoryForecast());
    } else {
      model.reserve(memoryForecast());
    }
    try {
      return restoring == null
          ? write(target, overwrite, name -> Optional.empty())
          : restoreAndWrite(restoring, target, overwrite);
    } catch (NotFiniteException e) {
      throw model.diagnose(e, restoring == null ? List.of() : restoring.data().windows());
    }
  }

  private PruningReport restoreAndWrite(Restoring restoring, Path target, boolean overwrite)
      throws IOException {
    // before the long work, and because the scratch file stands beside the target
    export.checkTarget(target, overwrite, model.checkpoint().path());
    // a plan that was edited meanwhile finds nothing of the old one
    String pass = "restore-" + Hashing.sha256().hashUnencodedChars(plan.toJson());
    Optional<Path> kept = runner.journal().file(pass);
    try (ScratchTensors restored =
        kept.isPresent()
            ? ScratchTensors.keptIn(kept.get())
            : ScratchTensors.temporaryIn(requireNonNull(target.toAbsolutePath().getParent()))) {
      runner.run(
          "restore",
          List.of(
              new RestorationPass(
                  model,
                  table,
                  restoring.restoration(),
                  restoring.data(),
                  new RestoredTensors(pass, restored))));
      return write(target, overwrite, restored::output);
    }
  }

  /** Keeps restored tensors in the form in which they will be written. */
  private final class RestoredTensors implements RestorationPass.Sink {
    private final String name;
    private final ScratchTensors restored;

    RestoredTensors(String name, ScratchTensors restored) {
      this.name = name;
      this.restored = restored;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void accept(String name, NDArray weight) throws IOException {
      Optional<CutTable.Cut> cut = table.cut(name);
      if (cut.isEmpty() || export.cuts()) {
        restored.put(written(name), HostMemory.floats(weight));
      } else {
        try (NDManager owner = weight.getManager().newSubManager()) {
          restored.put(written(name), HostMemory.floats(cut.get().spread(weight, owner)));
        }
      }
    }

    /** A bias, or values of heads that all stay, are not cut. */
    private TensorInfo written(String name) throws IOException {
      TensorInfo dense = model.checkpoint().tensor(name);
      return export.cuts() ? table.cut(name).map(cut -> cut.of(dense)).orElse(dense) : dense;
    }

    @Override
    public JsonElement toJson() {
      return restored.toJson();
    }

    @Override
    public void resume(int layers, JsonNode json) throws IOException {
      restored.resume(json, this::written);
    }
  }

  private PruningReport write(
      Path target, boolean overwrite, Function<String, Optional<TensorOutput>> restored)
      throws IOException {
    ImmutableList<TensorOutput> outputs =
        WrittenModel.outputs(
            model,
            tensor -> {
              Optional<TensorOutput> ready = restored.apply(tensor.name());
              return ready.isPresent() ? ready.get() : cut(model.checkpoint(), tensor);
            });
    export.write(
        new WrittenModel(
            model, layers(), outputs, ImmutableMap.of(PLAN_FILE, plan.toJson()), facts()),
        target,
        overwrite,
        runner.listener());
    PruningReport report = PruningReport.of(model, plan, export);
    WrittenCheck check =
        new WrittenCheck(
            model,
            table,
            restored,
            Optional.ofNullable(restoring).map(with -> with.data().windows().get(0)));
    if (!export.opens() || !check.fits()) {
      return report;
    }
    try {
      return report.withLogitsDifference(check.largestDifference(target));
    } catch (ClosedByInterruptException e) {
      return report; // the target stands, whole: who cancels now is late
    }
  }

  private ImmutableList<LayerShape> layers() {
    return PruningReport.layers(model, plan, export);
  }

  /** How the plan was made, and what was done with it. */
  private ImmutableSortedMap<String, String> facts() {
    Map<String, String> facts = new TreeMap<>(plan.provenance());
    facts.keySet().removeIf(name -> name.startsWith("restoration"));
    facts.putAll(export.provenance("export"));
    if (restoring == null) {
      facts.put("restoration", "none");
    } else {
      facts.putAll(restoring.restoration().provenance("restoration"));
      restoring
          .data()
          .provenance()
          .forEach((name, value) -> facts.put("restoration_" + name, value));
    }
    return ImmutableSortedMap.copyOf(facts);
  }

  private TensorOutput cut(Checkpoint source, TensorInfo tensor) throws IOException {
    Optional<CutTable.Cut> cut = table.cut(tensor.name());
    if (cut.isEmpty()) {
      return new TensorOutput(tensor, source.content(tensor.name()));
    }
    int axis = cut.get().axis();
    ImmutableIntArray kept = cut.get().kept();
    return export.cuts()
        ? new TensorOutput(cut.get().of(tensor), source.select(tensor.name(), axis, kept))
        : new TensorOutput(tensor, source.zeroed(tensor.name(), axis, kept));
  }
}

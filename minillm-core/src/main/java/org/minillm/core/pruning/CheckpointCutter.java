package org.minillm.core.pruning;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PassListener;

/**
 * Writes what a plan leaves of a checkpoint. The tensors are sliced, or zeroed, in the type they
 * are stored in, streamed from file to file: what stays is the same to the bit, and nothing is ever
 * whole in memory.
 */
final class CheckpointCutter {

  /** File name of the plan beside the weights. */
  static final String PLAN_FILE = "minillm-plan.json";

  private final CausalLm model;
  private final PruningPlan plan;
  private final CutTable table;
  private final Export export;
  private final PassListener listener;

  CheckpointCutter(CausalLm model, PruningPlan plan, Export export, PassListener listener)
      throws IOException {
    plan.requireMadeFor(StructuredPruner.fingerprint(model));
    this.model = model;
    this.plan = plan;
    this.table = CutTable.of(plan, model.groups(Arrays.asList(GroupKind.values())));
    this.export = export;
    this.listener = listener;
  }

  PruningReport write(Path target, boolean overwrite) throws IOException {
    Checkpoint source = model.checkpoint();
    ImmutableList.Builder<TensorOutput> outputs = ImmutableList.builder();
    for (TensorInfo tensor : source.tensors().values()) {
      outputs.add(cut(source, tensor));
    }
    ImmutableList<TensorOutput> all = outputs.build();
    listener.passStarted("write", all.stream().mapToLong(output -> output.info().bytes()).sum());
    new CheckpointWriter(target, overwrite)
        .source(source.folder())
        .config(
            export == Export.CUT
                ? model.decoder().render(plan.layerShapes(model.config()))
                : source.config())
        .tensors(all)
        .companions(source.companions())
        .texts(ImmutableMap.of(PLAN_FILE, plan.toJson()))
        .facts(facts())
        .onProgress(listener::stepsDone)
        .write();
    listener.passDone();
    return PruningReport.of(model, plan, export);
  }

  private ImmutableSortedMap<String, String> facts() {
    return ImmutableSortedMap.<String, String>naturalOrder()
        .putAll(plan.provenance())
        .put("export", export.toString())
        .buildOrThrow();
  }

  private TensorOutput cut(Checkpoint source, TensorInfo tensor) throws IOException {
    Optional<CutTable.Cut> cut = table.cut(tensor.name());
    if (cut.isEmpty()) {
      return new TensorOutput(tensor, source.content(tensor.name()));
    }
    int axis = cut.get().axis();
    ImmutableIntArray kept = cut.get().kept();
    return export == Export.CUT
        ? new TensorOutput(cut.get().of(tensor), source.select(tensor.name(), axis, kept))
        : new TensorOutput(tensor, source.zeroed(tensor.name(), axis, kept));
  }
}

package org.minillm.core.pruning;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Optional;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.PruningGroup;

/**
 * Writes what a plan leaves of a checkpoint. The tensors are sliced in the type they are stored in,
 * streamed from file to file: what stays is the same to the bit, and nothing is ever whole in
 * memory.
 */
final class CheckpointCutter {

  /** File name of the plan beside the weights. */
  static final String PLAN_FILE = "minillm-plan.json";

  private final CausalLm model;
  private final PruningPlan plan;
  private final CutTable table;
  private final ImmutableList<PruningGroup> groups;
  private final PassListener listener;

  CheckpointCutter(CausalLm model, PruningPlan plan, PassListener listener) throws IOException {
    plan.requireMadeFor(StructuredPruner.fingerprint(model));
    this.model = model;
    this.plan = plan;
    this.groups = model.groups(Arrays.asList(GroupKind.values()));
    this.table = CutTable.of(plan, groups);
    this.listener = listener;
  }

  PruningReport write(Path target, boolean overwrite) throws IOException {
    Checkpoint source = model.checkpoint();
    ImmutableList.Builder<TensorOutput> outputs = ImmutableList.builder();
    for (TensorInfo tensor : source.tensors().values()) {
      outputs.add(cut(source, tensor));
    }
    ImmutableList<TensorOutput> all = outputs.build();
    listener.passStarted("write", bytes(Lists.transform(all, TensorOutput::info)));
    new CheckpointWriter(target, overwrite)
        .source(source.folder())
        .config(model.decoder().render(plan.layerShapes(model.config())))
        .tensors(all)
        .companions(source.companions())
        .texts(ImmutableMap.of(PLAN_FILE, plan.toJson()))
        .facts(plan.provenance())
        .onProgress(listener::stepsDone)
        .write();
    listener.passDone();
    return report(
        bytes(source.tensors().values()), bytes(Lists.transform(all, TensorOutput::info)));
  }

  private TensorOutput cut(Checkpoint source, TensorInfo tensor) throws IOException {
    Optional<CutTable.Cut> cut = table.cut(tensor.name());
    if (cut.isEmpty()) {
      return new TensorOutput(tensor, source.content(tensor.name()));
    }
    long[] shape = tensor.shape().getShape().clone();
    shape[cut.get().axis()] = cut.get().kept().length();
    return new TensorOutput(
        new TensorInfo(tensor.name(), tensor.type(), new Shape(shape)),
        source.select(tensor.name(), cut.get().axis(), cut.get().kept()));
  }

  private static long bytes(Collection<TensorInfo> tensors) {
    return tensors.stream().mapToLong(TensorInfo::bytes).sum();
  }

  private PruningReport report(long bytesBefore, long bytesAfter) {
    long prunable = 0;
    long removed = 0;
    for (PruningGroup group : groups) {
      if (plan.groups().containsKey(group.id())) {
        long unit = group.weightsPerUnit(model::elements);
        prunable += unit * group.units();
        removed += unit * (group.units() - plan.keptCount(group.id(), group.units()));
      }
    }
    return new PruningReport(
        model.parameters(),
        model.parameters() - removed,
        prunable,
        bytesBefore,
        bytesAfter,
        plan.layerShapes(model.config()).stream().distinct().count() == 1);
  }
}

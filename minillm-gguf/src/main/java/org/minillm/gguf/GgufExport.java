package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.WrittenModel;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.files.TargetFile;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A GGUF file, which llama.cpp and what is built on it read: {@code gguf}, or {@code
 * gguf:type=q8_0}. Settings:
 *
 * <ul>
 *   <li>{@code type}: {@code stored} (the default), {@code f32}, {@code f16}, {@code bf16}, {@code
 *       q8_0}, {@code q4_0}: what the weights are rounded to. Vectors are F32 always;
 *   <li>{@code template}: a GGUF file of the dense model, whose tokenizer is copied. Empty: the
 *       tokenizer is made of the folder's tokenizer.json.
 * </ul>
 */
public final class GgufExport implements Export {

  private static final Logger LOG = LoggerFactory.getLogger(GgufExport.class);

  private static final String TYPE = "type";
  private static final String TEMPLATE = "template";

  private final WeightTypes types;
  private final String template;

  /** For {@link java.util.ServiceLoader}. */
  public GgufExport() {
    this(WeightTypes.STORED, "");
  }

  private GgufExport(WeightTypes types, String template) {
    this.types = types;
    this.template = template;
  }

  @Override
  public String name() {
    return "gguf";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(TYPE, Ascii.toLowerCase(types.name()), TEMPLATE, template);
  }

  @Override
  public Export with(Map<String, String> changes) {
    requireNonNull(changes, "changes");
    Map<String, String> settings = new TreeMap<>(parameters());
    Set<String> unknown = Sets.difference(changes.keySet(), settings.keySet());
    checkArgument(
        unknown.isEmpty(),
        "gguf has no parameter %s; it takes %s",
        String.join(", ", unknown),
        String.join(", ", settings.keySet()));
    settings.putAll(changes);
    return new GgufExport(
        WeightTypes.of(requireNonNull(settings.get(TYPE))), requireNonNull(settings.get(TEMPLATE)));
  }

  @Override
  public boolean keepsUnread() {
    return false;
  }

  @Override
  public boolean isFolder() {
    return false;
  }

  @Override
  public Optional<String> obstacle(CausalLm model, List<LayerShape> layers) throws IOException {
    try {
      Optional<String> obstacle = GgufForm.of(model, layers).obstacle();
      if (obstacle.isEmpty()) {
        tokenizer(model);
      }
      return obstacle;
    } catch (IllegalArgumentException | MalformedFileException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  @Override
  public long bytes(CausalLm model, List<LayerShape> layers, Collection<TensorInfo> tensors) {
    List<TensorOutput> unwritten =
        tensors.stream().map(info -> new TensorOutput(info, out -> {})).toList();
    return new GgufWriter(ImmutableMap.of(), tensors(GgufForm.of(model, layers), model, unwritten))
        .dataBytes();
  }

  @Override
  public void checkTarget(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    target(target, overwrite, source).check();
  }

  private static TargetFile target(Path target, boolean overwrite, @Nullable Path source) {
    TargetFile file = new TargetFile(target, overwrite);
    return source == null ? file : file.apartFrom(List.of(source));
  }

  @Override
  public void write(WrittenModel written, Path target, boolean overwrite, PassListener listener)
      throws IOException {
    CausalLm model = written.source();
    GgufForm form = GgufForm.of(model, written.layers());
    // the tokenizer is read with the metadata, and refuses for itself
    Optional<String> obstacle = form.obstacle();
    checkArgument(obstacle.isEmpty(), "%s", obstacle.orElse(""));
    ImmutableList<GgufTensor> tensors = tensors(form, model, written.tensors());
    GgufWriter writer = new GgufWriter(metadata(form, written, tensors), tensors);
    listener.passStarted("write", writer.dataBytes());
    target(target, overwrite, model.checkpoint().path())
        .write(out -> writer.writeTo(out, listener::stepsDone));
    listener.passDone();
    warnOfOddRows(tensors);
  }

  /** What the model does not compute with stays behind: llama.cpp refuses what it does not know. */
  private ImmutableList<GgufTensor> tensors(
      GgufForm form, CausalLm model, List<TensorOutput> outputs) {
    Map<String, TensorOutput> read = new LinkedHashMap<>();
    for (TensorOutput output : outputs) {
      if (model.decoder().tensors().containsKey(output.info().name())) {
        read.put(output.info().name(), output);
      }
    }
    ImmutableList.Builder<GgufTensor> tensors = ImmutableList.builder();
    form.tensors(read)
        .forEach(
            (name, parts) -> {
              Shape shape = parts.shape();
              GgufType type = types.of(name, parts, model.config().tiedHead());
              tensors.add(new GgufTensor(name, type, shape, parts.as(type)));
            });
    return tensors.build();
  }

  private ImmutableMap<String, GgufValue> metadata(
      GgufForm form, WrittenModel written, List<GgufTensor> tensors) throws IOException {
    CausalLm model = written.source();
    ImmutableMap.Builder<String, GgufValue> keys = ImmutableMap.builder();
    keys.put("general.architecture", GgufValue.text(form.architecture()));
    keys.put("general.type", GgufValue.text("model"));
    Path folder = model.checkpoint().path().toAbsolutePath().normalize().getFileName();
    keys.put("general.name", GgufValue.text(String.valueOf(folder)));
    keys.put("general.quantization_version", GgufValue.uint32(2));
    keys.put("general.file_type", GgufValue.uint32(types.fileType(tensors)));
    form.metadata().forEach((key, value) -> keys.put(form.architecture() + "." + key, value));
    keys.putAll(tokenizer(model));
    written.facts().forEach((key, value) -> keys.put("minillm." + key, GgufValue.text(value)));
    return keys.buildOrThrow();
  }

  private ImmutableMap<String, GgufValue> tokenizer(CausalLm model) throws IOException {
    int vocabSize = model.config().vocabSize();
    return template.isEmpty()
        ? TokenizerMetadata.read(model.checkpoint(), vocabSize)
        : TokenizerTemplate.read(Path.of(template), vocabSize);
  }

  private void warnOfOddRows(List<GgufTensor> tensors) {
    if (!types.isQuantised()) {
      return;
    }
    List<GgufTensor> odd =
        tensors.stream().filter(tensor -> tensor.type() == GgufType.F16).toList();
    if (!odd.isEmpty()) {
      LOG.warn(
          "{} of {} tensors stay F16, {} bytes ({}): their rows are no multiple of 32 numbers, as"
              + " {} wants them. Pruned to widths in multiples of 32 the model takes less",
          odd.size(),
          tensors.size(),
          odd.stream().mapToLong(GgufTensor::bytes).sum(),
          odd.stream().limit(2).map(GgufTensor::name).collect(Collectors.joining(", "))
              + (odd.size() > 2 ? ", …" : ""),
          types.name());
    }
  }
}

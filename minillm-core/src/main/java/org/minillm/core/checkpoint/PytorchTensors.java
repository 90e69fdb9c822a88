package org.minillm.core.checkpoint;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;
import org.minillm.core.pickle.PickledCall;
import org.minillm.core.pickle.PickledGlobal;
import org.minillm.core.pickle.PickledReference;

/** Makes of what a pickle of {@code torch.save} says the tensors that it means. */
final class PytorchTensors {

  /**
   * Where a storage is in the file.
   *
   * @param position of its first byte
   * @param bytes its size
   */
  record Storage(long position, long bytes) {}

  private static final String TENSOR = "torch._utils._rebuild_tensor_v2";
  private static final String PARAMETER = "torch._utils._rebuild_parameter";
  private static final String ORDERED = "collections.OrderedDict";

  private static final ImmutableMap<String, TensorType> STORAGE_TYPES =
      ImmutableMap.<String, TensorType>builder()
          .put("torch.DoubleStorage", TensorType.F64)
          .put("torch.FloatStorage", TensorType.F32)
          .put("torch.HalfStorage", TensorType.F16)
          .put("torch.BFloat16Storage", TensorType.BF16)
          .put("torch.LongStorage", TensorType.I64)
          .put("torch.IntStorage", TensorType.I32)
          .put("torch.ShortStorage", TensorType.I16)
          .put("torch.CharStorage", TensorType.I8)
          .put("torch.ByteStorage", TensorType.U8)
          .put("torch.BoolStorage", TensorType.BOOL)
          .buildOrThrow();

  /** All that weights are made of. */
  static final ImmutableSet<String> KNOWN_GLOBALS =
      ImmutableSet.<String>builder()
          .add(TENSOR, PARAMETER, ORDERED)
          .addAll(STORAGE_TYPES.keySet())
          .build();

  /** Under which a training program keeps the weights among other things. */
  private static final ImmutableList<String> NESTED =
      ImmutableList.of("state_dict", "model_state_dict", "model");

  /** What a message quotes of a name. */
  private static final int MAX_NAME = 200;

  /** PyTorch itself has tensors of at most 64 axes. */
  private static final int MAX_AXES = 8;

  private final PositionedFile file;
  private final Map<String, Storage> storages;

  PytorchTensors(PositionedFile file, Map<String, Storage> storages) {
    this.file = file;
    this.storages = storages;
  }

  ImmutableList<StoredTensor> of(Object saved) throws MalformedCheckpointException {
    Map<Object, Object> all = items(saved);
    if (all == null) {
      throw refusal("no dictionary of weights, expected torch.save(model.state_dict(), …)");
    }
    ImmutableList<StoredTensor> tensors = tensors(all);
    for (String key : NESTED) {
      Map<Object, Object> nested = items(all.get(key));
      if (tensors.isEmpty() && nested != null) {
        tensors = tensors(nested);
      }
    }
    return tensors;
  }

  private ImmutableList<StoredTensor> tensors(Map<Object, Object> items)
      throws MalformedCheckpointException {
    ImmutableList.Builder<StoredTensor> tensors = ImmutableList.builder();
    for (Map.Entry<Object, Object> item : items.entrySet()) {
      if (item.getKey() instanceof String name && item.getValue() instanceof PickledCall call) {
        PickledCall tensor =
            is(call, PARAMETER) && call.argument(0) instanceof PickledCall inner ? inner : call;
        if (is(tensor, TENSOR)) {
          tensors.add(tensor(name, tensor));
        }
      }
    }
    return tensors.build();
  }

  private static boolean is(PickledCall call, String function) {
    return call.function().name().equals(function);
  }

  private static @Nullable Map<Object, Object> items(@Nullable Object value) {
    if (value instanceof PickledCall call && is(call, ORDERED)) {
      return call.items();
    }
    if (value instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // of any keys and values
      Map<Object, Object> items = (Map<Object, Object>) map;
      return items;
    }
    return null;
  }

  /** {@code (storage, offset, size, stride, requires_grad, hooks)}. */
  private StoredTensor tensor(String name, PickledCall call) throws MalformedCheckpointException {
    if (!(call.argument(0) instanceof PickledReference reference)
        || !(reference.id() instanceof List<?> id)
        || id.size() < 5
        || !(id.get(1) instanceof PickledGlobal storageType)
        || !(id.get(2) instanceof String key)
        || !(call.argument(1) instanceof Long offset)) {
      throw refusal(quoted(name) + " is not described as PyTorch describes a tensor");
    }
    long[] sizes = numbers(name, call.argument(2));
    long[] strides = numbers(name, call.argument(3));
    if (sizes.length != strides.length || sizes.length > MAX_AXES) {
      throw refusal(
          "%s has %d sizes and %d strides, expected as many of each, at most %d"
              .formatted(quoted(name), sizes.length, strides.length, MAX_AXES));
    }
    TensorType type = STORAGE_TYPES.get(storageType.name());
    Storage storage = storages.get(key);
    if (type == null || storage == null) {
      throw refusal(
          "%s is in the storage \"%s\", which is not in the file: it is damaged, download it again"
              .formatted(quoted(name), quoted(key)));
    }
    TensorInfo info = info(name, type, sizes);
    StridedBytes bytes = new StridedBytes(file, storage, type, offset, sizes, strides);
    if (!bytes.isWithinStorage()) {
      throw refusal(
          "%s of the shape %s begins at element %d of a storage of %d bytes, which ends before it"
              .formatted(quoted(name), info.shape(), offset, storage.bytes()));
    }
    return new StoredTensor(info, file.path(), bytes);
  }

  private TensorInfo info(String name, TensorType type, long[] sizes)
      throws MalformedCheckpointException {
    try {
      return new TensorInfo(name, type, new Shape(sizes));
    } catch (IllegalArgumentException e) {
      throw new MalformedCheckpointException(file.path() + ": " + e.getMessage(), e);
    }
  }

  private long[] numbers(String name, @Nullable Object tuple) throws MalformedCheckpointException {
    List<Long> numbers = new ArrayList<>();
    for (Object number : tuple instanceof List<?> list ? list : List.of(name)) {
      if (!(number instanceof Long value) || value < 0) {
        throw refusal(quoted(name) + ": its sizes and strides are no whole numbers");
      }
      numbers.add(value);
    }
    return numbers.stream().mapToLong(Long::longValue).toArray();
  }

  private MalformedCheckpointException refusal(String what) {
    return new MalformedCheckpointException(file.path() + ": " + what);
  }

  private static String quoted(String name) {
    return JsonNode.shortened(name, MAX_NAME);
  }
}

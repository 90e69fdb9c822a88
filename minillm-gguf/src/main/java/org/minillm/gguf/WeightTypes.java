package org.minillm.gguf;

import com.google.common.base.Ascii;
import com.google.common.base.Enums;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What the tensors of a file are rounded to, as llama-quantize chooses, but for one thing: where
 * Q4_0 is asked for it gives the language head six bits (Q6_K), and here it has eight (Q8_0).
 */
enum WeightTypes {
  /** As the checkpoint has them. */
  STORED(null, 0),
  F32(GgufType.F32, 0),
  F16(GgufType.F16, 1),
  BF16(GgufType.BF16, 32),
  Q8_0(GgufType.Q8_0, 7),
  Q4_0(GgufType.Q4_0, 2);

  private static final String HEAD = "output.weight";
  private static final String EMBEDDING = "token_embd.weight";

  private final @Nullable GgufType type;
  private final int fileType;

  WeightTypes(@Nullable GgufType type, int fileType) {
    this.type = type;
    this.fileType = fileType;
  }

  static WeightTypes of(String name) {
    return Enums.getIfPresent(WeightTypes.class, Ascii.toUpperCase(name))
        .toJavaUtil()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "gguf: type '%s', expected %s"
                        .formatted(
                            name,
                            Arrays.stream(values())
                                .map(value -> Ascii.toLowerCase(value.name()))
                                .collect(Collectors.joining(", ")))));
  }

  boolean isQuantised() {
    return type != null && type.block() > 1;
  }

  /** Chooses for one tensor. */
  GgufType of(String name, TensorParts parts, boolean tiedHead) {
    int axes = parts.shape().dimension();
    if (axes < 2) {
      return GgufType.F32;
    }
    GgufType wanted = Objects.requireNonNullElseGet(type, () -> stored(parts));
    if (wanted == GgufType.Q4_0 && name.equals(tiedHead ? EMBEDDING : HEAD)) {
      wanted = GgufType.Q8_0;
    }
    return wanted.fits(parts.shape().get(axes - 1)) ? wanted : GgufType.F16;
  }

  private static GgufType stored(TensorParts parts) {
    return switch (parts.stored()) {
      case F16 -> GgufType.F16;
      case BF16 -> GgufType.BF16;
      default -> GgufType.F32;
    };
  }

  /** What the file calls itself, {@code general.file_type}: llama.cpp only shows it. */
  int fileType(List<GgufTensor> tensors) {
    if (this != STORED) {
      return fileType;
    }
    return tensors.stream()
        .filter(tensor -> tensor.shape().dimension() > 1)
        .findFirst()
        .map(tensor -> of(tensor.type().name()).fileType)
        .orElse(fileType);
  }
}

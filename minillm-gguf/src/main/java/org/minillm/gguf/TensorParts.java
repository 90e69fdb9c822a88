package org.minillm.gguf;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import org.minillm.core.checkpoint.TensorContent;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;

/**
 * What a tensor of the file is made of: rows of one or several tensors of the checkpoint, one after
 * the other.
 *
 * @param parts at least one, all of one row length
 */
record TensorParts(ImmutableList<Part> parts) {

  /**
   * Some rows of a tensor.
   *
   * @param source the whole tensor, read anew for every part
   * @param rows which of its rows
   */
  record Part(TensorOutput source, RowGroups rows) {

    void writeTo(GgufType type, WritableByteChannel out) throws IOException {
      if (rows.equals(RowGroups.ALL) && type.name().equals(source.info().type().name())) {
        source.content().writeTo(out);
        return;
      }
      RowEncoder encoder = new RowEncoder(source.info(), rows, type, out);
      source.content().writeTo(encoder);
      encoder.finish();
    }
  }

  static TensorParts of(TensorOutput source, RowGroups rows) {
    return new TensorParts(ImmutableList.of(new Part(source, rows)));
  }

  /** Type of the first, which stands for all. */
  TensorType stored() {
    return parts.get(0).source().info().type();
  }

  /** Outermost axis first. */
  Shape shape() {
    TensorInfo first = parts.get(0).source().info();
    if (first.shape().dimension() == 0) {
      return new Shape(1);
    }
    long[] sizes = first.shape().getShape().clone();
    sizes[0] =
        parts.stream()
            .mapToLong(part -> part.rows().kept(part.source().info().shape().get(0)))
            .sum();
    return new Shape(sizes);
  }

  TensorContent as(GgufType type) {
    return out -> {
      for (Part part : parts) {
        part.writeTo(type, out);
      }
    };
  }
}

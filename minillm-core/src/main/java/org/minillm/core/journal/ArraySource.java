package org.minillm.core.journal;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.List;
import org.apiguardian.api.API;

/** Float32 arrays in a fixed order that need not all be in memory. */
@API(status = API.Status.INTERNAL)
public interface ArraySource {

  /**
   * Returns the shapes.
   *
   * @return one an array, in their order
   */
  ImmutableList<Shape> shapes();

  /**
   * Returns one array.
   *
   * @param index from 0
   * @param owner where a newly made array hangs; a source that has the array in memory may return
   *     its own instead, so a caller never closes the result and lets the owner do it
   * @return FLOAT32, of its shape
   * @throws IOException if the array is in a file that cannot be read
   */
  NDArray read(int index, NDManager owner) throws IOException;

  /**
   * Hands out arrays that are in memory.
   *
   * @param arrays FLOAT32, not copied
   * @return a source of these
   */
  static ArraySource of(List<NDArray> arrays) {
    requireNonNull(arrays, "arrays");
    ImmutableList<NDArray> all = ImmutableList.copyOf(arrays);
    return new ArraySource() {
      @Override
      public ImmutableList<Shape> shapes() {
        return all.stream().map(NDArray::getShape).collect(ImmutableList.toImmutableList());
      }

      @Override
      public NDArray read(int index, NDManager owner) {
        return all.get(index);
      }
    };
  }

  /**
   * Puts sources one after the other.
   *
   * @param sources in their order
   * @return all their arrays
   */
  static ArraySource concat(List<? extends ArraySource> sources) {
    requireNonNull(sources, "sources");
    ImmutableList<ArraySource> all = ImmutableList.copyOf(sources);
    return new ArraySource() {
      @Override
      public ImmutableList<Shape> shapes() {
        return all.stream()
            .flatMap(source -> source.shapes().stream())
            .collect(ImmutableList.toImmutableList());
      }

      @Override
      public NDArray read(int index, NDManager owner) throws IOException {
        int at = index;
        for (ArraySource source : all) {
          int size = source.shapes().size();
          if (at < size) {
            return source.read(at, owner);
          }
          at -= size;
        }
        throw new IndexOutOfBoundsException(index);
      }
    };
  }
}

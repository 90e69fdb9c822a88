package org.minillm.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.minillm.core.checkpoint.StoredTensor;

/**
 * Rows of another tensor in another order.
 *
 * @param source the whole tensor
 * @param rowBytes bytes of a row
 * @param order rows of each group, see {@link RowGroups}
 */
record GroupedRows(StoredTensor.Bytes source, long rowBytes, RowGroups order)
    implements StoredTensor.Bytes {

  @Override
  public void read(ByteBuffer into, long offset) throws IOException {
    int end = into.limit();
    long at = offset;
    while (into.position() < end) {
      long row = at / rowBytes;
      long within = at % rowBytes;
      int count = (int) Math.min(end - into.position(), rowBytes - within);
      int kept = order.order().length();
      long from = row / kept * order.rows() + order.order().get((int) (row % kept));
      into.limit(into.position() + count);
      source.read(into, from * rowBytes + within);
      into.limit(end);
      at += count;
    }
  }
}

package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import org.junit.jupiter.api.Test;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.tensor.NotFiniteException;

class RowEncoderTest {

  /** Rows of two numbers: the row's number, and a hundred more. */
  private static ByteBuffer rows(int count) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 0; row < count; row++) {
      bytes.putFloat(row).putFloat(row + 100);
    }
    return bytes.flip();
  }

  private static float[] encoded(RowGroups groups, int rows, int pieceBytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    RowEncoder encoder =
        new RowEncoder(
            new TensorInfo("t", TensorType.F32, new Shape(rows, 2)),
            groups,
            GgufType.F32,
            Channels.newChannel(out));
    ByteBuffer all = rows(rows);
    while (all.hasRemaining()) {
      int bytes = Math.min(pieceBytes, all.remaining());
      encoder.write(all.slice(all.position(), bytes));
      all.position(all.position() + bytes);
    }
    encoder.finish();
    float[] numbers = new float[out.size() / 4];
    ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(numbers);
    return numbers;
  }

  @Test
  void channelsThatAreTurnedTogetherStandTogether() throws IOException {
    // WHEN two heads of four channels come in pieces that are no whole rows
    float[] numbers = encoded(RowGroups.rotary(4), 8, 12);

    // THEN 0 and 2, 1 and 3
    assertThat(numbers)
        .containsExactly(0, 100, 2, 102, 1, 101, 3, 103, 4, 104, 6, 106, 5, 105, 7, 107);
  }

  @Test
  void aPartOfEachGroupIsTaken() throws IOException {
    // WHEN two heads have one row of queries, keys and values each
    float[] keys = encoded(RowGroups.part(1, 3, 1), 6, 8);

    // THEN
    assertThat(keys).containsExactly(1, 101, 4, 104);
  }

  @Test
  void theInverseOfAnOrderUndoesIt() {
    RowGroups order = RowGroups.rotary(6);
    RowGroups back = order.inverse();
    assertThat(order.order().stream().map(back.order()::get)).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(order.order()).isEqualTo(ImmutableIntArray.of(0, 3, 1, 4, 2, 5));
  }

  @Test
  void moreRowsThanFitTheBufferKeepTheirOrder() throws IOException {
    float[] numbers = encoded(RowGroups.ALL, 20_000, 1 << 15);
    assertThat(numbers).hasSize(40_000);
    assertThat(numbers[2 * 12_345]).isEqualTo(12_345f);
  }

  @Test
  void numbersTooLargeForTheTypeAreRefusedByTheTensorsName() {
    RowEncoder encoder =
        new RowEncoder(
            new TensorInfo("model.norm.weight", TensorType.F32, new Shape(1)),
            RowGroups.ALL,
            GgufType.F16,
            Channels.newChannel(new ByteArrayOutputStream()));
    assertThatThrownBy(
            () -> {
              encoder.write(
                  ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(1e6f).flip());
              encoder.finish();
            })
        .isInstanceOf(NotFiniteException.class)
        .hasMessageContaining("model.norm.weight")
        .hasMessageContaining("BF16");
  }
}

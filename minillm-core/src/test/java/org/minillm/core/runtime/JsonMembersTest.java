package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonMembersTest {

  @Test
  void valuesAreAsTheyAreWritten() {
    assertThat(
            JsonMembers.of(
                " {\"a\": [1, {\"b\": 2}], \"c\":\"x,}\\\"y\" , \"d\" : 1.50 ,\"e\":null}"))
        .isEqualTo(
            Map.of("a", " [1, {\"b\": 2}]", "c", "\"x,}\\\"y\" ", "d", " 1.50 ", "e", "null"));
  }

  @Test
  void bracesAndQuotesInStringsAreText() {
    assertThat(JsonMembers.of("{\"a{\": \"}]\\\\\", \"b\": {}}"))
        .isEqualTo(Map.of("a{", " \"}]\\\\\"", "b", " {}"));
  }

  @Test
  void anEmptyObjectHasNone() {
    assertThat(JsonMembers.of("{ }")).isEmpty();
  }
}

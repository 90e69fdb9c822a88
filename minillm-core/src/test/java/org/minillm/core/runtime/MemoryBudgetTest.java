package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryBudgetTest {

  @ParameterizedTest
  @CsvSource({
    "2g, 2147483648",
    "2G, 2147483648",
    "512m, 536870912",
    "4GiB, 4294967296",
    "4 GiB, 4294967296",
    "3k, 3072",
    "1t, 1099511627776",
    "1000, 1000",
    "9223372036854775807, 9223372036854775807"
  })
  void readsPowersOf1024AsTheJvmDoes(String text, long bytes) {
    assertThat(MemoryBudget.parse(text)).isEqualTo(new MemoryBudget(bytes));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "g", "1.5g", "-1g", "4GB", "2x", "2 g b", "9223372036854775808", "8388608t"})
  void refusesWhatIsNotAWholeNumberOfAUnitAndSaysWhatIs(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryBudget.parse(text))
        .withMessageContaining("memory budget \"" + text + "\"")
        .withMessageContaining("512m, 2g or 4GiB");
  }

  @Test
  void refusesNothingAtAll() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemoryBudget.parse("0m"))
        .withMessage("memory budget of 0 bytes: expected at least 1");
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1 B",
    "1023, 1023 B",
    "1024, 1.0 KiB",
    "536870912, 512.0 MiB",
    "1610612736, 1.5 GiB",
    "2199023255552, 2.0 TiB",
    "1125899906842624, 1024.0 TiB"
  })
  void isShownInTheLargestUnitThatLeavesAtLeastOne(long bytes, String shown) {
    assertThat(new MemoryBudget(bytes)).hasToString(shown);
  }

  @Test
  void takesSixTenthsOfTheMachineByDefault() {
    // GIVEN
    double physical =
        ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
            .getTotalMemorySize();

    // WHEN
    MemoryBudget budget = MemoryBudget.ofThisMachine();

    // THEN
    assertThat(budget.bytes() / physical).isBetween(0.59, 0.61);
  }

  @Test
  void modelsThatAreOpenTogetherHaveEqualParts() {
    assertThat(new MemoryBudget(1 << 30).sharedBy(2))
        .isEqualTo(new MemoryBudget((350 << 20) + ((1 << 30) - (350 << 20)) / 2));
    assertThat(new MemoryBudget(1001).sharedBy(2)).isEqualTo(new MemoryBudget(500));
    assertThat(new MemoryBudget(1).sharedBy(2)).isEqualTo(new MemoryBudget(1));
  }
}

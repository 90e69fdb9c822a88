package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessMemoryTest {

  @TempDir Path process;

  @Test
  void readsTheFiguresInBytes() throws IOException {
    // GIVEN
    Files.writeString(
        process.resolve("status"),
        "Name:\tjava\nVmPeak:\t  900 kB\nVmHWM:\t     300 kB\nVmRSS:\t     200 kB\nThreads:\t7\n");

    // WHEN
    ProcessMemory memory = new ProcessMemory(process);

    // THEN
    assertThat(memory.residentBytes()).hasValue(200 * 1024);
    assertThat(memory.peakResidentBytes()).hasValue(300 * 1024);
  }

  @Test
  void hasNoFiguresWhereTheKernelLeavesThemOut() throws IOException {
    // GIVEN
    Files.writeString(process.resolve("status"), "Name:\tkthread\n");

    // WHEN
    ProcessMemory memory = new ProcessMemory(process);

    // THEN
    assertThat(memory.residentBytes()).isEmpty();
    assertThat(memory.peakResidentBytes()).isEmpty();
  }

  @Test
  void hasNoFiguresWhereThereIsNoProc() {
    // GIVEN
    ProcessMemory memory = new ProcessMemory(process.resolve("missing"));

    // WHEN
    boolean reset = memory.resetPeak();

    // THEN
    assertThat(memory.residentBytes()).isEmpty();
    assertThat(reset).isFalse();
  }

  @Test
  void resetsThePeakByWritingFive() throws IOException {
    // GIVEN
    Path clearRefs = Files.createFile(process.resolve("clear_refs"));

    // WHEN
    boolean reset = new ProcessMemory(process).resetPeak();

    // THEN
    assertThat(reset).isTrue();
    assertThat(clearRefs).hasContent("5");
  }

  @Test
  void neverMakesTheResetFile() {
    // GIVEN an empty folder

    // WHEN
    boolean reset = new ProcessMemory(process).resetPeak();

    // THEN
    assertThat(reset).isFalse();
    assertThat(process).isEmptyDirectory();
  }

  @Test
  void knowsTheRunningJvmWhereThereIsAProc() {
    // GIVEN
    boolean linux = Files.isReadable(Path.of("/proc/self/status"));

    // WHEN
    long resident = ProcessMemory.ofThisProcess().residentBytes().orElse(-1);

    // THEN no JVM runs in less than 10 MB
    assertThat(resident > 10_000_000).isEqualTo(linux);
  }
}

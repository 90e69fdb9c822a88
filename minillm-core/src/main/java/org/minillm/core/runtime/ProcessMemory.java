package org.minillm.core.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How much memory a process really uses, native memory of the engine included, as Linux counts it
 * (proc(5), {@code status} and {@code clear_refs}). On other systems the figures are empty.
 */
public final class ProcessMemory {

  private static final Pattern FIGURE = Pattern.compile("(Vm[A-Za-z]+):\\s*([0-9]+) kB");
  private static final int BYTES_PER_KB = 1024; // the kernel's "kB"

  // proc(5): writing 5 resets VmHWM to the current VmRSS and touches nothing else.
  private static final String RESET_PEAK = "5";

  private final Path process;

  ProcessMemory(Path process) {
    this.process = process;
  }

  /**
   * Returns the figures of the running JVM.
   *
   * @return a reader; every call reads anew
   */
  public static ProcessMemory ofThisProcess() {
    return new ProcessMemory(Path.of("/proc/self"));
  }

  /**
   * Returns the figures of another process.
   *
   * @param pid its number
   * @return a reader; empty figures where there is none or no more
   */
  public static ProcessMemory of(long pid) {
    return new ProcessMemory(Path.of("/proc", Long.toString(pid)));
  }

  /**
   * Returns the memory in use now (VmRSS).
   *
   * @return bytes; empty where the system does not tell
   */
  public OptionalLong residentBytes() {
    return figure("VmRSS");
  }

  /**
   * Returns the most memory that was ever in use since the start or {@link #resetPeak} (VmHWM).
   *
   * @return bytes; empty where the system does not tell
   */
  public OptionalLong peakResidentBytes() {
    return figure("VmHWM");
  }

  /**
   * Makes the peak start anew from what is in use now.
   *
   * @return false where the system does not allow it and the peak stays that of the whole process
   */
  public boolean resetPeak() {
    try {
      // WRITE alone: on a system without this file none must be made
      Files.writeString(process.resolve("clear_refs"), RESET_PEAK, StandardOpenOption.WRITE);
      return true;
    } catch (IOException notHere) {
      return false;
    }
  }

  private OptionalLong figure(String name) {
    try (Stream<String> lines = Files.lines(process.resolve("status"))) {
      return lines
          .map(FIGURE::matcher)
          .filter(Matcher::matches)
          .filter(matcher -> matcher.group(1).equals(name))
          .mapToLong(matcher -> Long.parseLong(matcher.group(2)) * BYTES_PER_KB)
          .findFirst();
    } catch (IOException notHere) {
      return OptionalLong.empty();
    }
  }
}

package org.minillm.cli;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads damaged files of one kind. Each is understood or refused: by an {@link IOException} whose
 * message is for people and names the file, in less than a second and 256 MB, and nothing is
 * written. What is not so is a finding; of those that are alike the first is kept, as a file.
 */
final class FuzzRun {

  private static final long MOST_NANOS = 1_000_000_000;
  private static final long MOST_BYTES = 256L << 20;
  private static final int LONGEST_MESSAGE = 2000;

  /** Words of programmers. */
  private static final Pattern NO_WORDS_OF_PEOPLE =
      Pattern.compile(
          "\\bjava\\.|\\bcom\\.google|\\bai\\.djl|\\borg\\.minillm|https?:|\\w(Exception|Error)\\b");

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final FuzzTarget target;
  private final long seed;
  private final Path findingsFolder;
  private final Map<String, Integer> findings = new LinkedHashMap<>();
  private long understood;
  private long refused;

  /**
   * Prepares a run.
   *
   * @param target the kind of file
   * @param seed another seed damages in other ways
   * @param findingsFolder where inputs are kept that were a finding
   */
  FuzzRun(FuzzTarget target, long seed, Path findingsFolder) {
    this.target = target;
    this.seed = seed;
    this.findingsFolder = findingsFolder;
  }

  /**
   * Runs in a process of its own, for what ends the process when it goes wrong.
   *
   * @param args a folder to work in, the kind, the seed, the first input, how many, a folder for
   *     findings
   */
  public static void main(String[] args) throws IOException {
    FuzzTarget target = FuzzTargets.of(args[1], Path.of(args[0]));
    FuzzRun run = new FuzzRun(target, Long.parseLong(args[2]), Path.of(args[5]));
    run.run(Long.parseLong(args[3]), Long.parseLong(args[4]));
    run.findings().forEach(System.out::println);
  }

  long understood() {
    return understood;
  }

  long refused() {
    return refused;
  }

  /** What went wrong, and how often. */
  List<String> findings() {
    return findings.entrySet().stream().map(e -> e.getValue() + " x " + e.getKey()).toList();
  }

  /** Reads the inputs {@code first} to {@code first + count - 1}. */
  void run(long first, long count) throws IOException {
    PrintStream err = System.err;
    // a damaged journal is a warning in the log: a million lines
    System.setErr(new PrintStream(OutputStream.nullOutputStream()));
    try {
      for (long index = first; index < first + count; index++) {
        RandomGenerator random = Mutator.random(seed, index);
        FuzzTarget.Seed good = target.seeds().get(random.nextInt(target.seeds().size()));
        byte[] input = target.form().file(Mutator.damage(good.damaged(), random), random);
        Files.write(good.file(), input);
        String problem = problemOf(good.file());
        if (problem != null && findings.merge(problem, 1, Integer::sum) == 1) {
          keep(index, input, problem, err);
        }
      }
    } finally {
      System.setErr(err);
      for (FuzzTarget.Seed good : target.seeds()) {
        Files.write(good.file(), target.form().file(good.damaged(), Mutator.random(seed, first)));
      }
    }
  }

  private String problemOf(Path file) {
    String before = listing(file);
    long bytes = THREADS.getCurrentThreadAllocatedBytes();
    long nanos = THREADS.getCurrentThreadCpuTime();
    String problem = null;
    try {
      target.reader().read(file);
      understood++;
    } catch (IOException e) {
      refused++;
      problem = wrongMessage(e, file);
    } catch (RuntimeException | Error e) {
      problem = e.getClass().getSimpleName() + " at " + place(e);
    }
    nanos = THREADS.getCurrentThreadCpuTime() - nanos;
    bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
    if (problem != null) {
      return problem;
    }
    if (nanos > MOST_NANOS) {
      return "longer than a second";
    }
    if (bytes > MOST_BYTES) {
      return "more than 256 MB";
    }
    String after = listing(file);
    return before.equals(after) ? null : "wrote: " + before + " became " + after;
  }

  private static String wrongMessage(IOException refusal, Path file) {
    String message = String.valueOf(refusal.getMessage());
    String kind = refusal.getClass().getSimpleName() + " at " + place(refusal) + ": ";
    if (!message.contains(file.getParent().toString())) {
      return kind + "does not name the file";
    }
    if (message.length() > LONGEST_MESSAGE) {
      return kind + "a message of more than " + LONGEST_MESSAGE + " characters";
    }
    Matcher words = NO_WORDS_OF_PEOPLE.matcher(message);
    return words.find() ? kind + "a message with \"" + words.group() + "\"" : null;
  }

  /** The innermost method of this program. */
  private static String place(Throwable problem) {
    return Stream.iterate(problem, e -> e != null, Throwable::getCause)
        .reduce((outer, inner) -> inner)
        .flatMap(
            inner ->
                Arrays.stream(inner.getStackTrace())
                    .filter(frame -> frame.getClassName().startsWith("org.minillm."))
                    .findFirst())
        .map(frame -> frame.getClassName().replaceFirst(".*[.]", "") + "." + frame.getMethodName())
        .orElse("an unknown place");
  }

  private static String listing(Path file) {
    Path folder = file.getParent();
    return names(folder.getParent()) + names(folder);
  }

  private static String names(Path folder) {
    String[] names = folder.toFile().list();
    return names == null ? "none" : new TreeSet<>(Arrays.asList(names)).toString();
  }

  private void keep(long index, byte[] input, String problem, PrintStream err) throws IOException {
    Files.createDirectories(findingsFolder);
    Path kept = findingsFolder.resolve(target.name() + "-" + seed + "-" + index);
    Files.write(kept, input);
    err.printf("%s, seed %d, input %d: %s; kept as %s%n", target, seed, index, problem, kept);
  }
}

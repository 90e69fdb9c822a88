package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.EngineException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ErrorReportTest {

  private final StringWriter err = new StringWriter();

  @ParameterizedTest
  @MethodSource
  void saysInOneLineWhatWentWrong(Throwable problem, String line) {
    // WHEN
    int exitCode = report(problem, false);

    // THEN
    assertThat(exitCode).isEqualTo(1);
    assertThat(err.toString()).isEqualToNormalizingNewlines("minillm: " + line + "\n");
  }

  static Stream<Arguments> saysInOneLineWhatWentWrong() {
    return Stream.of(
        Arguments.of(new IllegalArgumentException("no layer 7"), "no layer 7"),
        Arguments.of(new IOException("shard 2 is cut short"), "shard 2 is cut short"),
        Arguments.of(new IOException("one\n  two"), "one two"),
        Arguments.of(new UncheckedIOException(new IOException("inner")), "inner"),
        Arguments.of(
            new UncheckedIOException(new NoSuchFileException("m")), "no such file or folder: m"),
        Arguments.of(
            new NoSuchFileException("m/config.json"), "no such file or folder: m/config.json"),
        Arguments.of(
            new NoSuchFileException("m/tokenizer.json", null, "no tokenizer; copy it"),
            "m/tokenizer.json: no tokenizer; copy it"),
        Arguments.of(
            new AccessDeniedException("m"),
            "permission denied: m; change its owner or mode, or use another place"),
        Arguments.of(new FileAlreadyExistsException("d"), "already exists: d"),
        Arguments.of(
            new FileAlreadyExistsException("d", null, "give --force to replace it"),
            "d: give --force to replace it"),
        Arguments.of(new DirectoryNotEmptyException("d"), "the folder is not empty: d"),
        Arguments.of(new NotDirectoryException("f"), "not a folder: f"),
        Arguments.of(
            new FileSystemException("f", null, "No space left on device"),
            "f: No space left on device; free some space, or write to another disk"),
        Arguments.of(
            new IOException("No space left on device"),
            "No space left on device; free some space, or write to another disk"),
        Arguments.of(
            new FileSystemException("f", null, "Read-only file system"),
            "f: Read-only file system; write to another place"),
        Arguments.of(
            new FileSystemException("f", null, "File name too long"),
            "f: File name too long; choose a shorter one"),
        Arguments.of(new IOException("Is a directory"), "Is a directory; expected a file"),
        Arguments.of(new FileSystemException("f", null, "of its own kind"), "f: of its own kind"),
        Arguments.of(new FileSystemException("f"), "cannot read or write f"),
        Arguments.of(
            new EngineException("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
            "out of memory; lower --memory, or use a machine with more"),
        Arguments.of(
            new OutOfMemoryError("Java heap space"),
            "out of memory (Java heap space); give the JVM more, for example"
                + " MINILLM_JAVA_OPTS=-Xmx4g, or lower --memory"));
  }

  @ParameterizedTest
  @MethodSource
  void whatNobodyForesawIsCalledABugWithoutTheNamesOfOurCode(Throwable problem) {
    // WHEN
    int exitCode = report(problem, false);

    // THEN
    assertThat(exitCode).isEqualTo(1);
    assertThat(err.toString())
        .contains("this is a bug in MiniLLM", "MINILLM_DEBUG=1")
        .doesNotContain("Exception", "java", "index 3");
  }

  static Stream<Throwable> whatNobodyForesawIsCalledABugWithoutTheNamesOfOurCode() {
    return Stream.of(
        new IllegalStateException(),
        new NullPointerException("java.lang.String"),
        new IndexOutOfBoundsException("index 3"),
        new NumberFormatException("index 3"),
        new StackOverflowError());
  }

  @Test
  void showsTheStackTraceWhereDebuggingIsAskedFor() {
    // WHEN
    int exitCode = report(new UncheckedIOException(new IOException("inner")), true);

    // THEN
    assertThat(exitCode).isEqualTo(1);
    assertThat(err.toString())
        .startsWith("minillm: inner")
        .contains("java.io.UncheckedIOException", "at " + ErrorReportTest.class.getName());
  }

  @ParameterizedTest
  @MethodSource
  void anInterruptEndsQuietly(Exception interrupt) {
    // WHEN
    int exitCode = report(interrupt, false);

    // THEN
    assertThat(exitCode).isEqualTo(130);
    assertThat(err.toString()).isEmpty();
  }

  static Stream<Exception> anInterruptEndsQuietly() {
    return Stream.of(
        new InterruptedException(),
        new ClosedByInterruptException(),
        new UncheckedIOException(new ClosedByInterruptException()));
  }

  private int report(Throwable problem, boolean debug) {
    return new ErrorReport(debug).report(problem, new PrintWriter(err, true));
  }
}

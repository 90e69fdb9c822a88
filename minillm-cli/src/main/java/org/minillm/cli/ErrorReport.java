package org.minillm.cli;

import com.google.common.base.Strings;
import java.io.FileNotFoundException;
import java.io.InterruptedIOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.minillm.core.journal.OtherRunException;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns what went wrong into one line on stderr and an exit code. */
final class ErrorReport implements IExecutionExceptionHandler, IParameterExceptionHandler {

  /** What a shell reports for a process ended by SIGINT. */
  private static final int INTERRUPTED = 130;

  private final boolean debug;

  ErrorReport(boolean debug) {
    this.debug = debug;
  }

  @Override
  public int handleParseException(ParameterException problem, String[] args) {
    CommandLine command = problem.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("minillm: " + oneLine(problem.getMessage()) + suggestions(problem));
    err.println("try '" + command.getCommandSpec().qualifiedName() + " --help'");
    return ExitCode.USAGE;
  }

  @Override
  public int handleExecutionException(
      Exception problem, CommandLine command, ParseResult parseResult) {
    return report(problem, command.getErr());
  }

  /**
   * Prints a failure.
   *
   * @param problem what was thrown
   * @param err where the line goes
   * @return the exit code
   */
  int report(Throwable problem, PrintWriter err) {
    Throwable cause = unwrap(problem);
    if (isInterrupt(cause)) {
      return INTERRUPTED;
    }
    err.println("minillm: " + oneLine(words(cause)));
    if (debug) {
      problem.printStackTrace(err);
    }
    return ExitCode.SOFTWARE;
  }

  /** Tells whether something was thrown because somebody interrupted the thread. */
  static boolean isInterrupt(Throwable problem) {
    Throwable cause = unwrap(problem);
    return cause instanceof InterruptedException
        || cause instanceof InterruptedIOException
        || cause instanceof ClosedByInterruptException;
  }

  private static Throwable unwrap(Throwable problem) {
    Throwable cause = problem.getCause();
    boolean wrapper =
        problem instanceof UncheckedIOException || problem instanceof ExecutionException;
    return wrapper && cause != null ? unwrap(cause) : problem;
  }

  private static String words(Throwable problem) {
    if (problem instanceof FileSystemException file) {
      return fileWords(file);
    }
    if (problem instanceof FileNotFoundException) {
      return "cannot open " + problem.getMessage();
    }
    if (problem instanceof OutOfMemoryError) {
      return "out of memory ("
          + problem.getMessage()
          + "); give the JVM more, for example MINILLM_JAVA_OPTS=-Xmx4g, or lower --memory";
    }
    String message = problem.getMessage();
    return Strings.isNullOrEmpty(message) ? problem.getClass().getSimpleName() : message;
  }

  /** The message of these is often nothing but a path. */
  private static String fileWords(FileSystemException problem) {
    String file = problem.getFile();
    if (problem instanceof OtherRunException) {
      return problem.getMessage() + " (--restart does)";
    }
    if (problem instanceof NoSuchFileException) {
      return "no such file or folder: " + file;
    }
    if (problem instanceof AccessDeniedException) {
      return "permission denied: " + file;
    }
    if (problem instanceof FileAlreadyExistsException) {
      return Strings.isNullOrEmpty(problem.getReason())
          ? "already exists: " + file
          : problem.getMessage();
    }
    if (problem instanceof DirectoryNotEmptyException) {
      return "the folder is not empty: " + file;
    }
    if (problem instanceof NotDirectoryException) {
      return "not a folder: " + file;
    }
    return Strings.isNullOrEmpty(problem.getReason())
        ? "cannot read or write " + file
        : problem.getMessage();
  }

  private static String suggestions(ParameterException problem) {
    if (!(problem instanceof UnmatchedArgumentException unmatched)) {
      return "";
    }
    List<String> suggestions = unmatched.getSuggestions();
    return suggestions.isEmpty() ? "" : "; did you mean " + String.join(" or ", suggestions) + "?";
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}

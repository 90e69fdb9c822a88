package org.minillm.cli;

import ai.djl.engine.EngineException;
import com.google.common.base.Strings;
import com.google.common.collect.ImmutableMap;
import java.io.FileNotFoundException;
import java.io.InterruptedIOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.minillm.core.files.TargetExistsException;
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

  private static final String BUG =
      "this is a bug in MiniLLM, not in what you gave it; please report what it prints with"
          + " MINILLM_DEBUG=1";

  /** Of PyTorch's allocator. */
  private static final String ENGINE_OUT_OF_MEMORY = "can't allocate memory";

  private static final String SPACE = "free some space, or write to another disk";

  /** By the end of a message of the system. */
  private static final ImmutableMap<String, String> SYSTEM_REMEDIES =
      ImmutableMap.of(
          "No space left on device", SPACE,
          "Disk quota exceeded", SPACE,
          "Read-only file system", "write to another place",
          "File name too long", "choose a shorter one",
          "Is a directory", "expected a file",
          "Not a directory", "a part of its path is a file",
          "failed to map segment from shared object", "allow more virtual memory with ulimit -v",
          "Too many open files", "allow more of them with ulimit -n",
          "Input/output error", "the disk or the connection to it fails; copy the file again");

  private final boolean debug;

  ErrorReport(boolean debug) {
    this.debug = debug;
  }

  @Override
  public int handleParseException(ParameterException problem, String[] args) {
    CommandLine command = problem.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("minillm: " + oneLine(String.valueOf(problem.getMessage())) + suggestions(problem));
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
    String message = Strings.nullToEmpty(problem.getMessage());
    if (problem instanceof FileNotFoundException) {
      return "cannot open " + message;
    }
    if (problem instanceof OutOfMemoryError) {
      return "out of memory ("
          + message
          + "); give the JVM more, for example MINILLM_JAVA_OPTS=-Xmx4g, or lower --memory";
    }
    if (message.contains(ENGINE_OUT_OF_MEMORY)) {
      return "out of memory; lower --memory, or use a machine with more";
    }
    return isBug(problem) || message.isEmpty() ? BUG : withRemedy(message);
  }

  /**
   * What the code throws on purpose has words of ours. All else says something about our code, and
   * nothing to who uses it.
   */
  private static boolean isBug(Throwable problem) {
    boolean onPurpose =
        problem instanceof IllegalArgumentException
            || problem instanceof IllegalStateException
            || problem instanceof LinkageError
            || problem instanceof EngineException
            || !(problem instanceof RuntimeException || problem instanceof Error);
    return !onPurpose || problem instanceof NumberFormatException;
  }

  /** The message of these is often nothing but a path. */
  private static String fileWords(FileSystemException problem) {
    String file = problem.getFile();
    if (problem instanceof OtherRunException) {
      return problem.getMessage() + " (--restart does)";
    }
    if (problem instanceof TargetExistsException) {
      return file + ": exists; --force replaces it";
    }
    if (file == null) {
      return "cannot read or write a file"
          + (problem.getReason() == null ? "" : ": " + withRemedy(problem.getReason()));
    }
    if (!Strings.isNullOrEmpty(problem.getReason())) {
      return file + ": " + withRemedy(problem.getReason());
    }
    if (problem instanceof NoSuchFileException) {
      return "no such file or folder: " + file;
    }
    if (problem instanceof AccessDeniedException) {
      return "permission denied: " + file + "; change its owner or mode, or use another place";
    }
    if (problem instanceof FileAlreadyExistsException) {
      return "already exists: " + file;
    }
    if (problem instanceof DirectoryNotEmptyException) {
      return "the folder is not empty: " + file;
    }
    if (problem instanceof NotDirectoryException) {
      return "not a folder: " + file;
    }
    if (problem instanceof FileSystemLoopException) {
      return "links that lead back to themselves: " + file;
    }
    return "cannot read or write " + file;
  }

  /** What the system says knows no remedy. */
  private static String withRemedy(String message) {
    return SYSTEM_REMEDIES.entrySet().stream()
        .filter(remedy -> message.endsWith(remedy.getKey()))
        .map(remedy -> message + "; " + remedy.getValue())
        .findFirst()
        .orElse(message);
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

package org.minillm.cli;

import com.google.common.base.MoreObjects;
import java.io.PrintWriter;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code minillm}. */
@Command(
    name = "minillm",
    scope = ScopeType.INHERIT,
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    showDefaultValues = true,
    sortOptions = false,
    usageHelpAutoWidth = true,
    synopsisHeading = "Usage: ",
    descriptionHeading = "%n",
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%nExamples:%n")
public final class Main implements Runnable {

  @Spec private CommandSpec spec;

  /**
   * Runs the command and ends the process. Exit codes: 0 success, 1 failure, 2 wrong usage, 130
   * interrupted.
   *
   * @param args subcommand, options and parameters
   */
  public static void main(String[] args) {
    // a warning of the library is its words alone
    System.setProperty("org.slf4j.simpleLogger.showThreadName", "false");
    System.setProperty("org.slf4j.simpleLogger.showLogName", "false");
    PrintWriter out = new PrintWriter(System.out, true);
    PrintWriter err = new PrintWriter(System.err, true);
    System.exit(run(out, err, "1".equals(System.getenv("MINILLM_DEBUG")), args));
  }

  /**
   * Runs the command inside a process that goes on.
   *
   * @param out where results go
   * @param err where messages and progress go
   * @param debug whether an error's stack trace is printed too
   * @param args subcommand, options and parameters
   * @return the exit code
   */
  static int run(PrintWriter out, PrintWriter err, boolean debug, String... args) {
    ErrorReport errors = new ErrorReport(debug);
    CommandLine commandLine =
        commandLine()
            .setOut(out)
            .setErr(err)
            .setParameterExceptionHandler(errors)
            .setExecutionExceptionHandler(errors);
    try {
      return commandLine.execute(args);
    } catch (Error e) {
      // picocli hands exceptions to the handlers, but lets errors through
      return errors.report(e, err);
    } finally {
      out.flush();
      err.flush();
    }
  }

  static CommandLine commandLine() {
    CommandSpec root = CommandSpec.forAnnotatedObject(new Main());
    root.usageMessage()
        .header("Makes large language models smaller: structured pruning, forward passes only.")
        .description(
            "MODEL is a checkpoint folder in Hugging Face's form: config.json, *.safetensors or"
                + " pytorch_model.bin, and tokenizer.json or an older form of the tokenizer; or a"
                + " GGUF file.")
        .footer(
            "  minillm demo",
            "  minillm prune MODEL --calibration text.txt --ratio 0.2 --out SMALLER",
            "  minillm evaluate SMALLER --perplexity test.txt",
            "",
            "Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.",
            "MINILLM_DEBUG=1 shows the stack trace of an error.");
    return new CommandLine(root)
        .addSubcommand(new DemoCommand())
        .addSubcommand(new InspectCommand())
        .addSubcommand(new CheckCommand())
        .addSubcommand(new PruneCommand())
        .addSubcommand(new ApplyCommand())
        .addSubcommand(new ConvertCommand())
        .addSubcommand(new RecipeCommand())
        .addSubcommand(new EvaluateCommand())
        .addSubcommand(new CompareCommand())
        .addSubcommand(new GenerateCommand())
        .addSubcommand(new LogitsCommand())
        .addSubcommand(
            new CommandLine(new BenchCommand())
                .addSubcommand(new BenchQualityCommand())
                .addSubcommand(new BenchEstimatesCommand())
                .addSubcommand(new BenchSpeedCommand())
                .addSubcommand(new BenchPassesCommand())
                .addSubcommand(new BenchSyntheticCommand()))
        .addSubcommand(completion())
        // a prompt may well begin with @
        .setExpandAtFiles(false);
  }

  private static CommandLine completion() {
    CommandLine completion = new CommandLine(new GenerateCompletion());
    completion
        .getCommandSpec()
        .usageMessage()
        .header("Prints a script that completes minillm's options in bash and zsh.")
        .footer("  source <(minillm generate-completion)");
    return completion;
  }

  /** Runs where no subcommand was given, which is wrong usage. */
  @Override
  public void run() {
    throw new CommandLine.ParameterException(spec.commandLine(), "no command given");
  }

  /** The version that Maven wrote into the jar's manifest. */
  static final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() {
      String version =
          MoreObjects.firstNonNull(
              Main.class.getPackage().getImplementationVersion(), "(not packaged)");
      return new String[] {"minillm " + version, "Java " + Runtime.version()};
    }
  }
}

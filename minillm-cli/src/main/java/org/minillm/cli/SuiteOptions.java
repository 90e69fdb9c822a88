package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.evaluation.EvaluationSuite;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What models are measured on: texts and task files. */
final class SuiteOptions {

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--perplexity",
      paramLabel = "FILE",
      split = ",",
      description = "UTF-8 texts to predict.")
  private List<Path> texts = new ArrayList<>();

  @Option(
      names = "--tasks",
      paramLabel = "FILE",
      split = ",",
      description = "Multiple-choice task files, one JSON object a line.")
  private List<Path> tasks = new ArrayList<>();

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "2147483647",
      showDefaultValue = Help.Visibility.NEVER,
      converter = OptionTypes.Count.class,
      description = "Items of each task file to ask at most. Default: all.")
  private int limit;

  @Option(
      names = "--window",
      paramLabel = "T",
      defaultValue = "128",
      converter = OptionTypes.Window.class,
      description = "Tokens a window.")
  private int window;

  @Option(
      names = "--max-windows",
      paramLabel = "N",
      defaultValue = "80",
      converter = OptionTypes.Count.class,
      description = "Windows of a text to read at most.")
  private int maxWindows;

  boolean isEmpty() {
    return texts.isEmpty() && tasks.isEmpty();
  }

  int window() {
    return window;
  }

  EvaluationSuite suite() {
    try {
      return new EvaluationSuite(
          ImmutableList.copyOf(texts), ImmutableList.copyOf(tasks), limit, window, maxWindows);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage());
    }
  }
}

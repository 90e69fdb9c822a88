package org.minillm.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.minillm.core.cut.CheckpointConverter;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm convert}. */
@Command(
    name = "convert",
    header = "Writes a model as it is in another form.",
    description =
        "The model, dense or pruned before, keeps all its units. For a smaller model in that form"
            + " give --export to 'minillm prune' or 'minillm apply'.",
    footer = {
      "  minillm convert MODEL --export gguf --out model.gguf",
      "  minillm convert MODEL --export gguf:type=q8_0 --out model.gguf"
    })
final class ConvertCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "PATH",
      description = "File or folder to write, as the form has it.")
  private Path out;

  @Option(names = "--force", description = "Replace what is at PATH.")
  private boolean force;

  @Mixin private ExportOption form;
  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    form.export().checkTarget(out, force, model);
    json.check();
    RunCost cost = RunCost.start();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget())) {
      CheckpointConverter converter = new CheckpointConverter(lm, form.export(), progress);
      memory.announce(List.of(converter.memoryForecast()), model);
      converter.write(out, force);
      form.printUnread(lm, spec.commandLine().getOut());
      long bytes =
          form.export().bytes(lm, lm.config().layers(), lm.checkpoint().tensors().values());
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT, "written to %s, %s bytes of weights%n", out, CutSummary.grouped(bytes));
      json.write(
          cost.addTo(
              new JsonReport()
                  .put("model", model.toString())
                  .put("out", out.toString())
                  .put("bytes", bytes)));
    }
    return ExitCode.OK;
  }
}

package org.minillm.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code minillm demo}. */
@Command(
    name = "demo",
    header = "Prunes a tiny model that comes along, and shows what it costs.",
    description =
        "Prunes the packed tiny-llama, evaluates it before and after on WikiText-2, and prints a"
            + " table. Needs no network and no files.",
    footer = {"  minillm demo", "  minillm demo --json demo.json"})
final class DemoCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    throw new IllegalStateException("wired by the lead");
  }
}

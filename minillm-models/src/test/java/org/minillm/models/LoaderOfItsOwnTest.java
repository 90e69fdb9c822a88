package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;

/**
 * A program whose libraries live in a class loader of their own, as a server has it, prunes on a
 * thread of a pool. In a process of its own: the JVM gives a native library to one class loader.
 */
class LoaderOfItsOwnTest {

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"first", "second"})
  void threadOfAPoolFindsPluginsEngineAndTokenizer(String userOfDjl) throws Exception {
    // GIVEN a host on whose class path is nothing but its own class
    Path out = temp.resolve("out.txt");
    Process host =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-Dai.djl.offline=true",
                "-DOPT_OUT_TRACKING=true",
                "-Xmx512m",
                "-cp",
                Path.of(
                        LoaderOfItsOwnTest.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI())
                    .toString(),
                Host.class.getName(),
                System.getProperty("java.class.path"),
                temp.toString(),
                userOfDjl)
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    // THEN
    assertThat(host.waitFor()).as(Files.readString(out)).isZero();
    assertThat(temp.resolve("pruned/model.safetensors")).isRegularFile();
  }

  /** Knows the library through its class loader alone. */
  static final class Host {

    private Host() {}

    public static void main(String[] args) throws Exception {
      List<URL> urls = new ArrayList<>();
      for (String path : args[0].split(File.pathSeparator)) {
        urls.add(Path.of(path).toUri().toURL());
      }
      try (URLClassLoader library =
          new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
        Callable<?> application =
            (Callable<?>)
                library
                    .loadClass("org.minillm.models.LoaderOfItsOwnTest$Application")
                    .getConstructor(Path.class, boolean.class)
                    .newInstance(Path.of(args[1]), args[2].equals("second"));
        ForkJoinPool.commonPool().submit(application).get();
      }
    }
  }

  /** Opens a model and prunes it. */
  public static final class Application implements Callable<Void> {

    private final Path folder;
    private final boolean djlWasUsedBefore;

    public Application(Path folder, boolean djlWasUsedBefore) {
      this.folder = folder;
      this.djlWasUsedBefore = djlWasUsedBefore;
    }

    @Override
    public Void call() throws Exception {
      if (djlWasUsedBefore) {
        assertThat(Engine.getAllEngines()).isEmpty();
      }
      Path demo = DemoData.extract(folder.resolve("demo"));
      try (CausalLm model = CausalLm.open(DemoData.model(demo));
          Tokenizer tokenizer = model.tokenizer()) {
        CalibrationSet data =
            CalibrationSet.evenlySpaced(
                "demo", tokenizer.encodeFile(DemoData.calibration(demo)), 2, 32);
        StructuredPruner pruner =
            StructuredPruner.builder(
                    Plugins.configured(ImportanceCriterion.class, "obs"),
                    PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
                .restoration(Plugins.configured(Restoration.class, "least-squares"))
                .build();
        pruner.apply(model, pruner.plan(model, data), data, folder.resolve("pruned"));
      }
      return null;
    }
  }
}

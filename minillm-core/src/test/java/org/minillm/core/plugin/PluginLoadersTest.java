package org.minillm.core.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;

/** Applications of several class loaders. */
class PluginLoadersTest {

  private static final ClassLoader LIBRARY = PluginLoadersTest.class.getClassLoader();

  private final ClassLoader before = Thread.currentThread().getContextClassLoader();

  @TempDir Path temp;

  @AfterEach
  void restoreTheThread() {
    Thread.currentThread().setContextClassLoader(before);
  }

  /** A jar that lists a plug-in; the class itself is on the class path of the tests. */
  private URL jarThatLists(String provider) throws IOException {
    Path services = Files.createDirectories(temp.resolve("META-INF/services"));
    Files.writeString(services.resolve(Allocation.class.getName()), provider);
    return temp.toUri().toURL();
  }

  @Test
  void threadThatSeesNothingFindsWhatComesWithTheLibrary() {
    for (ClassLoader ofThread : new ClassLoader[] {null, ClassLoader.getPlatformClassLoader()}) {
      Thread.currentThread().setContextClassLoader(ofThread);
      assertThat(Plugins.named(Allocation.class, "uniform")).isEqualTo(new UniformAllocation());
    }
  }

  @Test
  void threadThatSeesAnotherCopyOfTheLibraryFindsThatOfTheCaller() throws Exception {
    // GIVEN a copy of the library in a loader of its own, and a thread of the other copy
    List<URL> urls = new ArrayList<>();
    for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(Path.of(path).toUri().toURL());
    }
    try (URLClassLoader copy =
        new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
      Class<?> kind = copy.loadClass(Allocation.class.getName());
      // WHEN
      Object found =
          copy.loadClass(Plugins.class.getName())
              .getMethod("named", Class.class, String.class)
              .invoke(null, kind, "uniform");
      // THEN
      assertThat(found).isInstanceOf(kind).isNotInstanceOf(Allocation.class);
    }
  }

  @Test
  void pluginThatTheThreadAloneSeesIsFoundAndOneThatBothSeeCountsOnce() throws IOException {
    try (URLClassLoader application =
        new URLClassLoader(new URL[] {jarThatLists(Own.class.getName())}, LIBRARY)) {
      Thread.currentThread().setContextClassLoader(application);
      assertThat(Plugins.all(Allocation.class)).containsOnlyKeys("own", "uniform");
    }
  }

  @Test
  void otherClassOfATakenNameIsRefused() throws IOException {
    try (URLClassLoader application =
        new URLClassLoader(new URL[] {jarThatLists(AlsoUniform.class.getName())}, LIBRARY)) {
      Thread.currentThread().setContextClassLoader(application);
      assertThatThrownBy(() -> Plugins.named(Allocation.class, "uniform"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("\"uniform\" is provided by both ")
          .hasMessageContainingAll(AlsoUniform.class.getName(), UniformAllocation.class.getName());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "org.example.Gone | Provider org.example.Gone not found",
        "org.minillm.core.plugin.PluginLoadersTest | PluginLoadersTest not a subtype",
        "org.minillm.core.plugin.PluginLoadersTest$Unlicensed | PluginLoadersTest$Unlicensed could"
            + " not be instantiated: no licence;",
        "org.minillm.core.plugin.PluginLoadersTest$Nameless | PluginLoadersTest$Nameless: its"
            + " name() is null"
      })
  void pluginThatCannotBeUsedIsNamed(String provider, String problem) throws IOException {
    try (URLClassLoader application =
        new URLClassLoader(new URL[] {jarThatLists(provider)}, LIBRARY)) {
      Thread.currentThread().setContextClassLoader(application);
      assertThatThrownBy(() -> Plugins.named(Allocation.class, "uniform"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(problem);
    }
  }

  /** An allocation that is never asked. */
  private interface Unasked extends Allocation {
    @Override
    default Allocated allocate(
        List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
      return Allocated.of(Map.of());
    }
  }

  /** A plug-in of somebody's own. */
  public record Own() implements Unasked {
    @Override
    public String name() {
      return "own";
    }
  }

  /** Takes a name that is taken. */
  public record AlsoUniform() implements Unasked {
    @Override
    public String name() {
      return "uniform";
    }
  }

  /** Has no name. */
  public record Nameless() implements Unasked {
    @Override
    public String name() {
      return null;
    }
  }

  /** Cannot be made. */
  public record Unlicensed() implements Unasked {
    public Unlicensed {
      if (true) {
        throw new IllegalStateException("no licence");
      }
    }

    @Override
    public String name() {
      return "unlicensed";
    }
  }
}

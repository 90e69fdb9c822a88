package org.minillm.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** In processes of their own: the settings are of a process. */
class EngineSettingsTest {

  /** Starts the engine, and says what is in force. */
  static final class Program {

    private Program() {}

    public static void main(String[] args) {
      Compute.cpu().newManager().close();
      Pointer policy =
          NativeLibrary.getInstance("c")
              .getFunction("getenv")
              .invokePointer(new Object[] {"OMP_WAIT_POLICY"});
      System.out.println(
          String.join(
              " ",
              policy.getString(0),
              Boolean.toString(EngineSettings.threadsSleep()),
              System.getProperty("ai.djl.offline"),
              System.getProperty("OPT_OUT_TRACKING")));
    }
  }

  private static String said(Map<String, String> environment, String... options)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(ProcessHandle.current().info().command().orElse("java"));
    builder.command().add("-Xmx256m");
    for (String option : options) {
      builder.command().add(option);
    }
    builder.command().add("-cp");
    builder.command().add(System.getProperty("java.class.path"));
    builder.command().add(Program.class.getName());
    builder.environment().remove("OMP_WAIT_POLICY");
    builder.environment().putAll(environment);
    builder.redirectError(Path.of("/dev/null").toFile());
    return new String(builder.start().getInputStream().readAllBytes(), StandardCharsets.UTF_8)
        .strip();
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void programThatSaysNothingGetsThem() throws IOException {
    assertThat(said(Map.of())).isEqualTo("PASSIVE true true true");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void whatTheProgramSaysStays() throws IOException {
    assertThat(said(Map.of("OMP_WAIT_POLICY", "ACTIVE"), "-Dai.djl.offline=false"))
        .isEqualTo("ACTIVE false false true");
  }
}

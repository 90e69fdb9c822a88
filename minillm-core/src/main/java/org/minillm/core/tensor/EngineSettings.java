package org.minillm.core.tensor;

import com.google.common.collect.ImmutableMap;
import com.sun.jna.NativeLibrary;

/**
 * How the engine is to behave in any program: its threads sleep while they have nothing to do, and
 * nothing is downloaded or reported to anybody. What starts the engine applies them; a program that
 * uses DJL for something else first calls {@link #apply} before that.
 *
 * <p>What the environment or a system property says already stays as it is: {@code
 * OMP_WAIT_POLICY=ACTIVE} lets threads spin, {@code -Dai.djl.offline=false} lets DJL download.
 * Where the C library cannot be asked, on Windows, {@value #WAIT_POLICY}{@code =PASSIVE} has to be
 * in the environment of the process.
 */
public final class EngineSettings {

  /** The variable by which threads of OpenMP sleep at once when they have nothing to do. */
  private static final String WAIT_POLICY = "OMP_WAIT_POLICY";

  private static final String PASSIVE = "PASSIVE";

  /** DJL asks for them whenever it would call somebody. */
  private static final ImmutableMap<String, String> PROPERTIES =
      ImmutableMap.of("ai.djl.offline", "true", "OPT_OUT_TRACKING", "true");

  private static final boolean SLEEPING = letThreadsSleep();

  static {
    PROPERTIES.forEach(
        (name, value) -> {
          if (System.getProperty(name) == null && System.getenv(name) == null) {
            System.setProperty(name, value);
          }
        });
  }

  private EngineSettings() {}

  /**
   * Applies the settings to this process, once. They have no effect on an engine that is loaded
   * already: OpenMP reads its variable when it is loaded.
   */
  public static void apply() {
    // this class is loaded
  }

  /**
   * Tells whether the engine's threads sleep while they have nothing to do.
   *
   * @return false where they spin
   */
  public static boolean threadsSleep() {
    return SLEEPING;
  }

  /** Java knows the environment that the process began with; the C library has the present one. */
  private static boolean letThreadsSleep() {
    String chosen = System.getenv(WAIT_POLICY);
    if (chosen != null) {
      return PASSIVE.equalsIgnoreCase(chosen);
    }
    try {
      int replaces = 0;
      return NativeLibrary.getInstance("c")
              .getFunction("setenv")
              .invokeInt(new Object[] {WAIT_POLICY, PASSIVE, replaces})
          == 0;
    } catch (LinkageError absent) {
      return false;
    }
  }
}

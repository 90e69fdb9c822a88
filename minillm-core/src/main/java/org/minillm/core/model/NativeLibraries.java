package org.minillm.core.model;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;
import ai.djl.ndarray.NDManager;
import java.util.ServiceLoader;

/**
 * Starts native code from any thread. DJL looks for engines and for the files of native libraries
 * with the context class loader of the thread that needs them first; on a thread of a pool that
 * loader may see nothing of them. They stand where this class comes from.
 */
final class NativeLibraries {

  private static final ClassLoader OWN = NativeLibraries.class.getClassLoader();

  static {
    EngineSettings.apply();
  }

  private NativeLibraries() {}

  /** What may load a native library. */
  @FunctionalInterface
  interface Loading<T, E extends Exception> {
    T load() throws E;
  }

  /** Lets something look for native libraries where this class comes from. */
  static <T, E extends Exception> T find(Loading<T, E> loading) throws E {
    Thread thread = Thread.currentThread();
    ClassLoader ofThread = thread.getContextClassLoader();
    thread.setContextClassLoader(OWN);
    try {
      return loading.load();
    } finally {
      thread.setContextClassLoader(ofThread);
    }
  }

  /** Starts the engine, if that was not done yet, and opens a manager of it. */
  static NDManager newManager() {
    return find(
        () -> {
          if (!Engine.hasEngine(CausalLm.ENGINE)) {
            // somebody else used DJL first, on a thread from which it found no engine
            ServiceLoader.load(EngineProvider.class, OWN).forEach(Engine::registerEngine);
          }
          if (!Engine.hasEngine(CausalLm.ENGINE)) {
            throw new IllegalStateException(
                "no engine "
                    + CausalLm.ENGINE
                    + "; add the module minillm-engine to the class path");
          }
          return NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE);
        });
  }
}

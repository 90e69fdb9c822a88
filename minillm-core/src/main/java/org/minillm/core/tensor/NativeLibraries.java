package org.minillm.core.tensor;

import static java.util.Objects.requireNonNull;

import org.apiguardian.api.API;

/**
 * Starts native code from any thread. DJL looks for engines and for the files of native libraries
 * with the context class loader of the thread that needs them first; on a thread of a pool that
 * loader may see nothing of them. They stand where this class comes from.
 */
@API(status = API.Status.INTERNAL)
public final class NativeLibraries {

  static final ClassLoader OWN = NativeLibraries.class.getClassLoader();

  static {
    EngineSettings.apply();
  }

  private NativeLibraries() {}

  /**
   * What may load a native library.
   *
   * @param <T> what it returns
   * @param <E> what it throws
   */
  @FunctionalInterface
  public interface Loading<T, E extends Exception> {

    /**
     * Does it.
     *
     * @return what was loaded
     * @throws E if it cannot be loaded
     */
    T load() throws E;
  }

  /**
   * Lets something look for native libraries where this class comes from.
   *
   * @param loading does it, on this thread
   * @param <T> what it returns
   * @param <E> what it throws
   * @return what was loaded
   * @throws E from the loading
   */
  public static <T, E extends Exception> T find(Loading<T, E> loading) throws E {
    requireNonNull(loading, "loading");
    Thread thread = Thread.currentThread();
    ClassLoader ofThread = thread.getContextClassLoader();
    thread.setContextClassLoader(OWN);
    try {
      return loading.load();
    } finally {
      thread.setContextClassLoader(ofThread);
    }
  }
}

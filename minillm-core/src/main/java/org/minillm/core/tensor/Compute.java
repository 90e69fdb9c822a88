package org.minillm.core.tensor;

import static java.util.Objects.requireNonNull;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineProvider;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.GradientCollector;
import java.util.ServiceLoader;

/**
 * Where a model computes: the device, the type of the numbers and their kernels. Every manager of
 * arrays comes from here, or from a manager that does; nothing else names a device or the engine.
 * Immutable.
 */
public final class Compute {

  private static final String ENGINE = "PyTorch";

  private static final Compute CPU = new Compute(Device.cpu(), new EngineKernels());

  private final Device device;
  private final Kernels kernels;

  private Compute(Device device, Kernels kernels) {
    this.device = device;
    this.kernels = kernels;
  }

  /**
   * Computes on the processor, in the memory of the process, with {@link EngineKernels}.
   *
   * @return one for all
   */
  public static Compute cpu() {
    return CPU;
  }

  /**
   * Chooses other kernels.
   *
   * @param chosen for what is heavy in numbers beside the forward pass
   * @return the same place with these
   */
  public Compute with(Kernels chosen) {
    requireNonNull(chosen, "chosen");
    return new Compute(device, chosen);
  }

  /**
   * Returns what solves, sums and draws.
   *
   * @return the kernels
   */
  public Kernels kernels() {
    return kernels;
  }

  /**
   * Returns the type that models compute in. Sums over tokens, and what is solved from them, are
   * FLOAT64 wherever that is.
   *
   * @return FLOAT32
   */
  public DataType type() {
    return DataType.FLOAT32;
  }

  /**
   * Opens a manager that hangs on no other. Starts the engine, if that was not done yet.
   *
   * @return a manager of arrays on the device; to be closed
   * @throws IllegalStateException if the engine is not on the class path
   */
  public NDManager newManager() {
    return NativeLibraries.find(
        () -> {
          engine();
          return NDManager.newBaseManager(device, ENGINE);
        });
  }

  /**
   * Begins to record what is computed on this thread, to differentiate it.
   *
   * @return the collector; to be closed
   */
  public GradientCollector newGradientCollector() {
    return NativeLibraries.find(Compute::engine).newGradientCollector();
  }

  /** Starts the engine, if that was not done yet. */
  public void start() {
    NativeLibraries.find(Compute::engine);
  }

  private static Engine engine() {
    if (!Engine.hasEngine(ENGINE)) {
      // somebody else used DJL first, on a thread from which it found no engine
      ServiceLoader.load(EngineProvider.class, NativeLibraries.OWN).forEach(Engine::registerEngine);
    }
    if (!Engine.hasEngine(ENGINE)) {
      throw new IllegalStateException(
          "no engine " + ENGINE + "; add the module minillm-engine to the class path");
    }
    return Engine.getEngine(ENGINE);
  }

  @Override
  public String toString() {
    return device + " in " + type() + ", kernels " + kernels.name();
  }
}

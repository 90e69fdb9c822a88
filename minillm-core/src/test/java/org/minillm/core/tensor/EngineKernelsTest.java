package org.minillm.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.testing.KernelsContract;

class EngineKernelsTest extends KernelsContract {

  @Override
  protected Kernels kernels() {
    return new EngineKernels();
  }

  @Test
  void areFoundByTheNameThatPlansRecord() {
    assertThat(Plugins.named(Kernels.class, "java")).isInstanceOf(EngineKernels.class);
  }

  @Test
  void areTheDefault() {
    assertThat(Compute.cpu().kernels()).isInstanceOf(EngineKernels.class);
  }
}

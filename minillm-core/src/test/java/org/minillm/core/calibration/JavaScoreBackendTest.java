package org.minillm.core.calibration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.testing.ScoreBackendContract;

class JavaScoreBackendTest extends ScoreBackendContract {

  @Override
  protected ScoreBackend backend() {
    return new JavaScoreBackend();
  }

  @Test
  void isFoundByItsName() {
    assertThat(Plugins.named(ScoreBackend.class, "java")).isInstanceOf(JavaScoreBackend.class);
  }
}

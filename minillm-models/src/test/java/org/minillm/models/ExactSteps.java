package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.runtime.PassListener;

/** Requires of every pass that it does as many steps as it announced. */
final class ExactSteps implements PassListener {

  /** The passes that are done. */
  final List<String> passes = new ArrayList<>();

  /** The journals that a run went on with. */
  final List<Path> resumed = new ArrayList<>();

  private String pass = "";
  private long announced;
  private long done;

  @Override
  public void resumed(Path journal) {
    resumed.add(journal);
  }

  @Override
  public void passStarted(String started, long steps) {
    pass = started;
    announced = steps;
    done = 0;
  }

  @Override
  public void stepsDone(long steps) {
    assertThat(steps).as("steps of %s", pass).isNotNegative();
    done += steps;
  }

  @Override
  public void passDone() {
    assertThat(done).as("steps of %s", pass).isEqualTo(announced);
    passes.add(pass);
  }
}

package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CancelARunTest {

  @Test
  void modelGoesOnAfterTheRunIsCancelled() throws Exception {
    assertThat(Printed.by(CancelARun::main).text()).contains("parameters are left");
  }
}

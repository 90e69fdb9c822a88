package org.minillm.core.model;

/** To be written. */
public final class CausalLm {
  private CausalLm() {}
}

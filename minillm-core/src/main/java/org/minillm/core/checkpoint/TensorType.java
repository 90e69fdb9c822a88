package org.minillm.core.checkpoint;

/** To be written by H1. */
public enum TensorType {
  /** x. */
  F32
}

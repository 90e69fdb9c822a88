package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import java.io.Closeable;
import java.nio.file.Path;

/** An open file of weights in which every tensor has its place. */
interface WeightFile extends Closeable {

  /** Where it is. */
  Path path();

  /** Bytes on the disk. */
  long size();

  /** What it holds, in the order in which a checkpoint lists it. */
  ImmutableList<StoredTensor> tensors();
}

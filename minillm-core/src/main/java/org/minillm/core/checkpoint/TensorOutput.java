package org.minillm.core.checkpoint;

/**
 * One tensor to be written.
 *
 * @param info what the header will say
 * @param content exactly {@code info.bytes()} bytes
 */
public record TensorOutput(TensorInfo info, TensorContent content) {}

/** Architectures: what the families share (blocks, norms, positions) and what each adds to it. */
@NullMarked
package org.minillm.models;

import org.jspecify.annotations.NullMarked;

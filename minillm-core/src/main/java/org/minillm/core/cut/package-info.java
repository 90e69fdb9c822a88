/** Writes what a plan leaves of a checkpoint. */
@NullMarked
package org.minillm.core.cut;

import org.jspecify.annotations.NullMarked;

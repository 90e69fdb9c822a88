/** Scores become a plan, a plan becomes a smaller checkpoint. */
@NullMarked
package org.minillm.core.pruning;

import org.jspecify.annotations.NullMarked;

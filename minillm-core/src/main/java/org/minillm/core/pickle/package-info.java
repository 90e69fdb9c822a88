/** Reads Python's pickle format without running any of it. */
@NullMarked
package org.minillm.core.pickle;

import org.jspecify.annotations.NullMarked;

/** The straight line from a model to a smaller one, and the recipes for it. */
@NullMarked
package org.minillm.core.prune;

import org.jspecify.annotations.NullMarked;

/** Importance criteria, and the gradient estimated from forward passes alone. */
@NullMarked
package org.minillm.criteria;

import org.jspecify.annotations.NullMarked;

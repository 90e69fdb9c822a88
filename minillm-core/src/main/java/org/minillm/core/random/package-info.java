/** Stateless random numbers: a value is a function of seed, stream and index. */
@NullMarked
package org.minillm.core.random;

import org.jspecify.annotations.NullMarked;

/**
 * A causal language model as data (groups of tensor slices) and as a walk through its decoder, one
 * block at a time.
 */
@NullMarked
package org.minillm.core.model;

import org.jspecify.annotations.NullMarked;

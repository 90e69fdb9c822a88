/**
 * What a family of models is: its tensors, its pruning groups and how a layer computes. No reading,
 * no memory.
 */
@NullMarked
package org.minillm.core.architecture;

import org.jspecify.annotations.NullMarked;

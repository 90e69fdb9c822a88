/**
 * Open models at work: layers, streams and the passes that take streams through layers, within a
 * memory budget.
 */
@NullMarked
package org.minillm.core.runtime;

import org.jspecify.annotations.NullMarked;

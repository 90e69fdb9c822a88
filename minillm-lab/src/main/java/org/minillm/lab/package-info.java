/**
 * Criteria and allocations that were tried and are no part of a recipe, for those who compare:
 * allocations by measured losses, and combinations of criteria.
 */
@NullMarked
package org.minillm.lab;

import org.jspecify.annotations.NullMarked;

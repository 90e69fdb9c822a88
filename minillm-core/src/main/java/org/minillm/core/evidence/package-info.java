/**
 * What is known about a layer when its units are scored: calibration windows, statistics, second
 * moments, gradients.
 */
@NullMarked
package org.minillm.core.evidence;

import org.jspecify.annotations.NullMarked;

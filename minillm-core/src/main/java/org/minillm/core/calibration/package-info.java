/** What forward passes over a calibration set reveal: channel statistics and gradient estimates. */
@NullMarked
package org.minillm.core.calibration;

import org.jspecify.annotations.NullMarked;

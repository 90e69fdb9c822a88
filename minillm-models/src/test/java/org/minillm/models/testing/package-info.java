/**
 * What every family must pass, for authors of an {@link
 * org.minillm.core.architecture.Architecture}: the test-jar of minillm-models. It needs JUnit
 * Jupiter, AssertJ, minillm-criteria and minillm-engine beside it.
 */
@NullMarked
package org.minillm.models.testing;

import org.jspecify.annotations.NullMarked;

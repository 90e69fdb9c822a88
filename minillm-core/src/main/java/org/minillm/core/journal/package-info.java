/**
 * What a long run has finished, kept on the disk so that a run that was killed goes on where it
 * stopped and ends with the same bytes.
 */
@NullMarked
package org.minillm.core.journal;

import org.jspecify.annotations.NullMarked;

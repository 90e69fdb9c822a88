/** The minillm command. */
@NullMarked
package org.minillm.cli;

import org.jspecify.annotations.NullMarked;

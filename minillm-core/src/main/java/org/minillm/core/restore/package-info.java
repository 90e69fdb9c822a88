/** Makes up for what was removed, in closed form, layer by layer. */
@NullMarked
package org.minillm.core.restore;

import org.jspecify.annotations.NullMarked;

/** How plug-ins are named, configured and found. */
@NullMarked
package org.minillm.core.plugin;

import org.jspecify.annotations.NullMarked;

/** A trained tiny LLaMA and a piece of WikiText-2, packed into the jar. */
@NullMarked
package org.minillm.demo;

import org.jspecify.annotations.NullMarked;

/** What a model can still do: perplexity and generation. */
@NullMarked
package org.minillm.core.evaluation;

import org.jspecify.annotations.NullMarked;

/** Hugging Face checkpoint folders: read and validated, streamed and written. */
@NullMarked
package org.minillm.core.checkpoint;

import org.jspecify.annotations.NullMarked;

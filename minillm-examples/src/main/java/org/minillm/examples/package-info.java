/** Small programs that use the SDK; each is run by a test and shown in the documentation. */
@NullMarked
package org.minillm.examples;

import org.jspecify.annotations.NullMarked;

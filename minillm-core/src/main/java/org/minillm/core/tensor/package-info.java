/** Where arrays live: the device, and the only way between their memory and Java. */
@org.jspecify.annotations.NullMarked
package org.minillm.core.tensor;

/**
 * Where arrays live and what is computed with them beside the forward pass: the device, the only
 * way between their memory and Java, and the numbers that are heavy.
 */
@org.jspecify.annotations.NullMarked
package org.minillm.core.tensor;

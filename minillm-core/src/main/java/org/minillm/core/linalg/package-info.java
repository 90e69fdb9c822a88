/** Dense linear algebra in double that the engine lacks. */
@org.jspecify.annotations.NullMarked
package org.minillm.core.linalg;

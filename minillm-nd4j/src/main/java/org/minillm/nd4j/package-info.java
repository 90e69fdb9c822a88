/** What is heavy in numbers on ND4J, on a CPU or a CUDA device. */
@org.jspecify.annotations.NullMarked
package org.minillm.nd4j;

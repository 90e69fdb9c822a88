/** JMH benchmarks of the kernels that every pass over a model is made of. */
package org.minillm.benchmarks;

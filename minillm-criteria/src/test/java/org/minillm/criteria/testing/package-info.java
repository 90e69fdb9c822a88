/** Evidence made by hand, for tests of criteria. */
package org.minillm.criteria.testing;

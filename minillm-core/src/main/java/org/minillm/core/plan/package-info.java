/** Which units stay: criteria, allocation, the plan and what it means for each tensor. */
@NullMarked
package org.minillm.core.plan;

import org.jspecify.annotations.NullMarked;

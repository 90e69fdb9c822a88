/**
 * What stands between the program and the files of people: texts and JSON are read here, so that
 * one place says what is wrong with them.
 */
@NullMarked
package org.minillm.core.files;

import org.jspecify.annotations.NullMarked;

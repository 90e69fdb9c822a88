/**
 * What stands between the program and the files of people: texts and JSON are read here, so that
 * one place says what is wrong with them, and all that is written goes through here, so that
 * nothing of theirs is lost.
 */
@NullMarked
package org.minillm.core.files;

import org.jspecify.annotations.NullMarked;

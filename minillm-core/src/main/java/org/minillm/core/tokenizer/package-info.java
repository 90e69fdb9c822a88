/**
 * The tokenizer files of a model's folder, whatever their form: each is understood or refused, and
 * becomes the text of an equal tokenizer.json, so that one library tokenises all of them.
 */
@NullMarked
package org.minillm.core.tokenizer;

import org.jspecify.annotations.NullMarked;

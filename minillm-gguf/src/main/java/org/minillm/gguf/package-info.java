/**
 * GGUF, the file format of llama.cpp: types, metadata, names, and how a model is written in it.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a>
 */
@NullMarked
package org.minillm.gguf;

import org.jspecify.annotations.NullMarked;

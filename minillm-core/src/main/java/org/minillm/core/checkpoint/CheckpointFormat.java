package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.plugin.Plugin;

/**
 * A form in which a whole model is one file, such as GGUF: a plug-in. It presents the model as a
 * Hugging Face folder would: config.json, tensors under their names there, and texts such as
 * tokenizer.json.
 */
public interface CheckpointFormat extends Plugin {

  /**
   * Tells whether a file has this form, by its first bytes.
   *
   * @param file a regular file
   * @return true where {@link #open} is to read it, or to say what is wrong with it
   * @throws IOException if it cannot be read
   */
  boolean recognises(Path file) throws IOException;

  /**
   * Opens a file; no weight is read yet.
   *
   * @param file one that is recognised
   * @return what it holds; to be closed
   * @throws MalformedFileException if it is not what its form prescribes, or is of a family that
   *     cannot be presented; the message says why
   * @throws IOException if it cannot be read
   */
  CheckpointContents open(Path file) throws IOException;
}

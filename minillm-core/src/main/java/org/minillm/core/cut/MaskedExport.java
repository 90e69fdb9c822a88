package org.minillm.core.cut;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.runtime.PassListener;

/**
 * A Hugging Face folder in which removed units are zeros: the same function as the cut model in the
 * dense model's shapes and with its config.json, so that whatever loads the dense model loads this
 * one. It is smaller only once it is compressed. {@code masked}.
 */
public final class MaskedExport implements Export {

  /** For {@link java.util.ServiceLoader}. */
  public MaskedExport() {}

  @Override
  public String name() {
    return "masked";
  }

  @Override
  public boolean cuts() {
    return false;
  }

  @Override
  public void checkTarget(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    CheckpointWriter.checkTarget(target, overwrite, source);
  }

  @Override
  public void write(WrittenModel model, Path target, boolean overwrite, PassListener listener)
      throws IOException {
    HuggingFaceFolder.write(
        model, model.source().checkpoint().config(), target, overwrite, listener);
  }
}

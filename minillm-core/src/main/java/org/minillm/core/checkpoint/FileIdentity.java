package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/**
 * Tells whether a name still stands for the same file.
 *
 * @param key of the file system; null where it has none
 * @param bytes its size
 * @param written when it was last changed
 */
record FileIdentity(@Nullable Object key, long bytes, FileTime written) {

  static FileIdentity of(Path file) throws IOException {
    BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
    return new FileIdentity(now.fileKey(), now.size(), now.lastModifiedTime());
  }
}

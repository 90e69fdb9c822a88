package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.minillm.core.files.TargetFile;
import org.minillm.core.files.TargetPlace;

/**
 * A folder of the user's that results are written to.
 *
 * @param path of the folder
 * @param read what is read meanwhile, and not written over
 */
record ResultFolder(Path path, List<Path> read) {

  /** Opens a folder, making it where there is none. */
  static ResultFolder open(Path path, List<Path> read) throws IOException {
    if (!Files.isDirectory(path)) {
      TargetPlace.of(path).requireApart(read);
      Files.createDirectory(path);
    }
    return new ResultFolder(path, read);
  }

  /** Names a report in the folder, and checks that it can be written. */
  TargetFile report(String name) throws IOException {
    TargetFile report = new TargetFile(path.resolve(name), true).apartFrom(read);
    report.check();
    return report;
  }
}

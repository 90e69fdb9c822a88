package org.minillm.core.files;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Something to write to that takes bytes and keeps no file: a pipe, a terminal, {@code /dev/null},
 * or whatever the shell has opened for this process.
 *
 * @param path as the user named it
 * @param descriptor its number among the open files of this process; -1 if it is none of them
 */
record OpenStream(Path path, int descriptor) {

  private static final int MAX_LINKS = 40;

  private static final int STANDARD_INPUT = 0;
  private static final int STANDARD_OUTPUT = 1;
  private static final int STANDARD_ERROR = 2;

  /** Such as {@code /dev/fd/63}; {@code /dev/stdout} leads to one. */
  private static final Pattern DESCRIPTOR =
      Pattern.compile(
          "(?:/dev|/proc/(?:self|thread-self|"
              + ProcessHandle.current().pid()
              + ")(?:/task/[0-9]+)?)/fd/([0-9]{1,9})");

  private static final int TYPE = 0170000;
  private static final int PIPE = 0010000;
  private static final int CHARACTER_DEVICE = 0020000;

  /** Finds the stream that a path leads to. */
  static Optional<OpenStream> at(Path path) {
    int descriptor = descriptor(path.toAbsolutePath());
    return descriptor >= 0 || isPipeOrDevice(path)
        ? Optional.of(new OpenStream(path, descriptor))
        : Optional.empty();
  }

  /** Follows links one by one: the last, of a descriptor, is none that names a file. */
  private static int descriptor(Path path) {
    Path at = path;
    for (int links = 0; links < MAX_LINKS; links++) {
      Matcher number = DESCRIPTOR.matcher(at.toString());
      if (number.matches()) {
        return Integer.parseInt(number.group(1));
      }
      try {
        at = at.resolveSibling(Files.readSymbolicLink(at)).normalize();
      } catch (IOException | UnsupportedOperationException e) {
        return -1; // no link
      }
    }
    return -1;
  }

  private static boolean isPipeOrDevice(Path path) {
    try {
      int type = (int) Files.getAttribute(path, "unix:mode") & TYPE;
      return type == PIPE || type == CHARACTER_DEVICE;
    } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
      return false; // not there, or Windows
    }
  }

  void check() throws IOException {
    if (descriptor == STANDARD_INPUT) {
      throw TargetPlace.refusal(path, "the standard input, which is only read; name another file");
    }
    if (!Files.exists(path)) {
      throw TargetPlace.refusal(path, "is not open; name another file");
    }
    if (!isStandard() && !Files.isWritable(path)) {
      throw TargetPlace.refusal(path, "is not writable by this user; name another file");
    }
  }

  /** What may belong to another user; it is open already. */
  private boolean isStandard() {
    return descriptor == STANDARD_OUTPUT || descriptor == STANDARD_ERROR;
  }

  void write(TargetFile.Content content) throws IOException {
    check();
    if (isStandard()) {
      // opened anew, a file behind it would be written over from its start; never to be closed
      boolean output = descriptor == STANDARD_OUTPUT;
      (output ? System.out : System.err).flush();
      FileDescriptor open = output ? FileDescriptor.out : FileDescriptor.err;
      content.writeTo(TargetChannel.stream(Channels.newChannel(new FileOutputStream(open)), path));
    } else {
      try (FileChannel open =
          FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
        content.writeTo(TargetChannel.stream(open, path));
      }
    }
  }
}

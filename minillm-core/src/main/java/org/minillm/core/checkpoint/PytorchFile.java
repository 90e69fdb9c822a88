package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.jspecify.annotations.Nullable;
import org.minillm.core.pickle.PickleReader;

/**
 * Reads files of {@code torch.save}: a zip in which {@code data.pkl} describes the tensors and
 * {@code data/N} are the storages, stored as they are. Nothing of it is run. The form before
 * PyTorch 1.6, which is no zip, is refused.
 *
 * @see <a
 *     href="https://github.com/pytorch/pytorch/blob/main/docs/source/notes/serialization.rst">the
 *     format</a>
 */
final class PytorchFile {

  /** Of the largest models it is below one. */
  private static final long MAX_PICKLE_BYTES = 8L << 20;

  private static final String PICKLE = "/data.pkl";
  private static final String STORAGES = "/data/";
  private static final String BYTE_ORDER = "/byteorder";
  private static final int ZIP_MAGIC = 0x504b0304;

  private final PositionedFile file;

  private PytorchFile(PositionedFile file) {
    this.file = file;
  }

  static WeightFile open(Path path) throws IOException {
    return WeightFile.open(path, file -> new PytorchFile(file).tensors());
  }

  /** In the order of the pickle. */
  private ImmutableList<StoredTensor> tensors() throws IOException {
    requireZip();
    try (ZipFile zip = zip()) {
      return tensors(zip);
    }
  }

  /** The library tells a broken zip by exceptions of several kinds. */
  private ZipFile zip() throws IOException {
    try {
      return ZipFile.builder().setPath(file.path()).get();
    } catch (IOException | IllegalArgumentException | ArithmeticException e) {
      String why = e.getCause() == null ? e.getMessage() : e.getCause().getMessage();
      throw new MalformedCheckpointException(
          "%s: a broken zip (%s); it is cut or damaged: download it again"
              .formatted(file.path(), why),
          e);
    }
  }

  private void requireZip() throws IOException {
    ByteBuffer start = ByteBuffer.allocate((int) Math.min(Integer.BYTES, file.size()));
    file.read(start, 0);
    start.flip();
    if (start.remaining() == Integer.BYTES && start.getInt(0) == ZIP_MAGIC) {
      return;
    }
    boolean pickle = start.remaining() > 1 && (start.get(0) & 0xff) == 0x80;
    throw new MalformedCheckpointException(
        file.path()
            + (pickle
                ? ": the form of torch.save before PyTorch 1.6, which is not read: save it again, in"
                    + " Python with torch.save(torch.load(FILE), FILE)"
                : ": no file of torch.save; it is cut, or a Git LFS pointer: download it again"));
  }

  private ImmutableList<StoredTensor> tensors(ZipFile zip) throws IOException {
    String root = root(zip);
    requireLittleEndian(zip, root);
    ZipArchiveEntry pickle = entry(zip, root + PICKLE);
    if (pickle.getSize() > MAX_PICKLE_BYTES) {
      throw refusal(
          "data.pkl of %d bytes, expected at most %d"
              .formatted(pickle.getSize(), MAX_PICKLE_BYTES));
    }
    Object saved =
        PickleReader.read(
            content(zip, pickle), file.path().toString(), PytorchTensors.KNOWN_GLOBALS);
    return new PytorchTensors(file, storages(zip, root)).of(saved);
  }

  /** The folder of the zip that holds everything, such as {@code archive}. */
  private String root(ZipFile zip) throws IOException {
    String pickle = null;
    for (Enumeration<ZipArchiveEntry> all = zip.getEntries(); all.hasMoreElements(); ) {
      String name = all.nextElement().getName();
      if (name.endsWith("/constants.pkl")) {
        throw refusal(
            "a TorchScript program, expected weights: save model.state_dict() of the model that it"
                + " was made of");
      }
      if (name.endsWith(PICKLE)) {
        pickle = name;
      }
    }
    if (pickle == null) {
      throw refusal("a zip without data.pkl, expected a file of torch.save");
    }
    return pickle.substring(0, pickle.length() - PICKLE.length());
  }

  private void requireLittleEndian(ZipFile zip, String root) throws IOException {
    @Nullable ZipArchiveEntry order = zip.getEntry(root + BYTE_ORDER);
    if (order != null && order.getSize() < "little".length() * 2L) {
      String found = new String(content(zip, order), StandardCharsets.US_ASCII);
      if (!found.equals("little")) {
        throw refusal(
            "byte order \"" + found + "\", expected little: save it again on a usual machine");
      }
    }
  }

  /** Where each storage is. */
  private Map<String, PytorchTensors.Storage> storages(ZipFile zip, String root)
      throws IOException {
    Map<String, PytorchTensors.Storage> storages = new HashMap<>();
    String prefix = root + STORAGES;
    for (Enumeration<ZipArchiveEntry> all = zip.getEntries(); all.hasMoreElements(); ) {
      ZipArchiveEntry entry = all.nextElement();
      if (entry.getName().startsWith(prefix)) {
        requireStored(entry);
        storages.put(
            entry.getName().substring(prefix.length()),
            new PytorchTensors.Storage(entry.getDataOffset(), entry.getSize()));
      }
    }
    return storages;
  }

  private void requireStored(ZipArchiveEntry entry) throws MalformedCheckpointException {
    long from = entry.getDataOffset();
    long size = entry.getSize();
    if (entry.getMethod() != ZipEntry.STORED || from < 0) {
      throw refusal(
          entry.getName()
              + " is compressed, which torch.save never does: load and save it again in Python");
    }
    if (size < 0 || from > file.size() - size) {
      throw refusal(entry.getName() + " ends beyond the file; it is cut: download it again");
    }
  }

  private ZipArchiveEntry entry(ZipFile zip, String name) throws MalformedCheckpointException {
    @Nullable ZipArchiveEntry entry = zip.getEntry(name);
    if (entry == null) {
      throw refusal("no " + name + " in it; the file is damaged: download it again");
    }
    return entry;
  }

  private byte[] content(ZipFile zip, ZipArchiveEntry entry) throws IOException {
    requireStored(entry);
    try (InputStream in = zip.getInputStream(entry)) {
      return in.readNBytes((int) entry.getSize());
    }
  }

  private MalformedCheckpointException refusal(String what) {
    return new MalformedCheckpointException(file.path() + ": " + what);
  }
}

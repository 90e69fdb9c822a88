package org.minillm.demo;

import com.google.common.collect.ImmutableList;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;

/**
 * The demo's model and texts: {@code tiny-llama} (2.4 million float16 weights, 4 layers of 512 MLP
 * channels and 3 key-value heads), and WikiText-2 text to calibrate and to evaluate on. The README
 * that is extracted with them gives the facts, the sources and the licences.
 */
public final class DemoData {

  private static final String MODEL = "tiny-llama";
  private static final String CALIBRATION = "calibration.txt";
  private static final String EVALUATION = "evaluation.txt";

  /** A fixed list: a class path cannot be listed reliably. */
  private static final ImmutableList<String> FILES =
      ImmutableList.of(
          "README.md",
          CALIBRATION,
          EVALUATION,
          MODEL + "/config.json",
          MODEL + "/generation_config.json",
          MODEL + "/model.safetensors",
          MODEL + "/tokenizer.json",
          MODEL + "/tokenizer_config.json",
          MODEL + "/training.json");

  private DemoData() {}

  /**
   * Copies the model and the texts into a folder. What is there already with the same bytes is left
   * alone; what differs is replaced.
   *
   * @param folder made if it is not there
   * @return {@code folder}, to be given to {@link #model}, {@link #calibration} and {@link
   *     #evaluation}
   * @throws IOException if the folder cannot be written
   */
  public static Path extract(Path folder) throws IOException {
    Files.createDirectories(folder.resolve(MODEL));
    for (String name : FILES) {
      extract(name, folder.resolve(name));
    }
    return folder;
  }

  /**
   * Names the model's checkpoint folder.
   *
   * @param folder where the data was extracted
   * @return a Hugging Face folder
   */
  public static Path model(Path folder) {
    return folder.resolve(MODEL);
  }

  /**
   * Names the calibration text: the first 150 kB of the validation split of WikiText-2.
   *
   * @param folder where the data was extracted
   * @return a UTF-8 file
   */
  public static Path calibration(Path folder) {
    return folder.resolve(CALIBRATION);
  }

  /**
   * Returns the calibration text without extracting anything.
   *
   * @return the text of {@link #calibration}
   * @throws IOException if the jar is broken
   */
  public static String calibrationText() throws IOException {
    return new String(read(CALIBRATION), StandardCharsets.UTF_8);
  }

  /**
   * Names the evaluation text: the first 100 kB of the test split of WikiText-2, which the model
   * was not trained on.
   *
   * @param folder where the data was extracted
   * @return a UTF-8 file, long enough for 80 windows of 128 tokens
   */
  public static Path evaluation(Path folder) {
    return folder.resolve(EVALUATION);
  }

  private static void extract(String name, Path target) throws IOException {
    byte[] content = read(name);
    if (Files.isRegularFile(target) && Arrays.equals(Files.readAllBytes(target), content)) {
      return;
    }
    if (Files.isSymbolicLink(target)) {
      throw new FileSystemException(
          target.toString(), null, "a symbolic link, where the demo's file is to be; delete it");
    }
    // renamed into place, so that an interrupted copy is never taken for the file
    Path part = target.resolveSibling("." + target.getFileName() + ".partial-" + UUID.randomUUID());
    try {
      Files.write(part, content, StandardOpenOption.CREATE_NEW);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  private static byte[] read(String name) throws IOException {
    try (InputStream stream = DemoData.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new FileNotFoundException(
            "resource " + name + " is not in the minillm-demo jar; build it again");
      }
      return stream.readAllBytes();
    }
  }
}

package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.files.TextFile;

/**
 * A byte-level BPE in two files: {@code vocab.json}, the ids of the tokens, and {@code merges.txt},
 * a merge a line in the order in which they were learned, behind a line with the version.
 *
 * @param vocabulary ids by token, in the order of the file
 * @param merges without those that occur again
 */
record ByteLevelFiles(ImmutableMap<String, Integer> vocabulary, ImmutableSet<Merge> merges) {

  static final String VOCABULARY = "vocab.json";
  static final String MERGES = "merges.txt";

  private static final String VERSION = "#version";
  private static final String REMEDY = "; copy it of the model again, or tokenizer.json";

  /** Of a token's id, beyond which nobody has a row of an embedding. */
  private static final int MAX_ID = 1 << 24;

  /** Two tokens that become one. */
  record Merge(String left, String right) {}

  /**
   * Reads the files of a folder.
   *
   * @throws NoSuchFileException if one of them is missing
   * @throws MalformedFileException if one of them is damaged, or they do not belong together
   * @throws IOException if one of them cannot be read
   */
  static ByteLevelFiles read(Path folder) throws IOException {
    Path mergesFile = folder.resolve(MERGES);
    if (!Files.exists(mergesFile)) {
      throw new NoSuchFileException(
          mergesFile.toString(), null, "no such file, which belongs to vocab.json" + REMEDY);
    }
    Map<String, Integer> vocabulary =
        JsonNode.read(folder.resolve(VOCABULARY), ByteLevelFiles::vocabulary);
    return new ByteLevelFiles(
        ImmutableMap.copyOf(vocabulary), ImmutableSet.copyOf(merges(mergesFile, vocabulary)));
  }

  private static Map<String, Integer> vocabulary(JsonNode root) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    BitSet taken = new BitSet();
    for (String token : root.keys()) {
      JsonNode value = root.get(token);
      int id = value.integer();
      if (id < 0 || id > MAX_ID) {
        throw value.expected("a token id from 0 to " + MAX_ID);
      }
      if (taken.get(id)) {
        throw value.refuse("another token has the id " + id + ", too");
      }
      taken.set(id);
      vocabulary.put(token, id);
    }
    if (vocabulary.isEmpty()) {
      throw root.refuse("it has no tokens" + REMEDY);
    }
    return vocabulary;
  }

  private static Set<Merge> merges(Path file, Map<String, Integer> vocabulary) throws IOException {
    Set<Merge> merges = new LinkedHashSet<>();
    int number = 0;
    for (String line : TextFile.read(file).split("\n", -1)) {
      number++;
      if (line.isBlank() || (number == 1 && line.startsWith(VERSION))) {
        continue;
      }
      String[] parts = line.strip().split(" ", -1);
      if (parts.length != 2) {
        throw refuse(file, number, "expected two tokens with a space between", line);
      }
      Merge merge = new Merge(parts[0], parts[1]);
      if (!vocabulary.containsKey(merge.left())
          || !vocabulary.containsKey(merge.right())
          || !vocabulary.containsKey(merge.left() + merge.right())) {
        throw refuse(
            file, number, "vocab.json lacks one of the two tokens or what becomes of them", line);
      }
      merges.add(merge);
    }
    if (number == 1) {
      throw new MalformedFileException(file + ": it has no merges" + REMEDY);
    }
    return merges;
  }

  private static MalformedFileException refuse(Path file, int number, String why, String line) {
    String pointer =
        line.startsWith(SentencePieceReader.LFS_POINTER)
            ? "a Git LFS pointer to the file; get the file itself with 'git lfs pull'"
            : "%s, found \"%s\"%s".formatted(why, JsonNode.shortened(line), REMEDY);
    return new MalformedFileException("%s, line %d: %s".formatted(file, number, pointer));
  }
}

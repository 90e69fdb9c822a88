package org.minillm.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A file of the documentation: its fenced blocks, and its links.
 *
 * @param path where it is
 * @param blocks the fenced blocks
 * @param prose the lines outside of them
 */
record MarkdownFile(Path path, List<Block> blocks, List<String> prose) {

  private static final Path REPOSITORY = Path.of("..");
  private static final Pattern SOURCE = Pattern.compile("<!-- source: (\\S+?)(?:#(\\S+))? -->");
  private static final Pattern LINK = Pattern.compile("\\[[^\\]]*]\\(([^)\\s]+)\\)");

  /**
   * A fenced block.
   *
   * @param where file and line, for messages
   * @param language the word after the fence; empty where there is none
   * @param marker the line before the fence, where the source may be named
   * @param text the lines, each with its end
   */
  record Block(String where, String language, String marker, String text) {

    /** What the named file holds: the whole, or the region between its comments tag and end. */
    Optional<String> source() throws IOException {
      Matcher named = SOURCE.matcher(marker);
      if (!named.matches()) {
        return Optional.empty();
      }
      String whole = Files.readString(REPOSITORY.resolve(named.group(1)));
      String region = named.group(2);
      if (region == null) {
        return Optional.of(whole);
      }
      String begin = "// tag::" + region + "[]\n";
      int from = whole.indexOf(begin);
      int to = whole.indexOf("// end::" + region + "[]");
      if (from < 0 || to < from) {
        throw new IOException(where + ": " + named.group(1) + " has no region " + region);
      }
      String lines = whole.substring(from + begin.length(), whole.lastIndexOf('\n', to));
      return Optional.of(lines.stripIndent() + "\n");
    }

    @Override
    public String toString() {
      return where;
    }
  }

  /** The pages beside README.md, and the files of docs. */
  static Stream<MarkdownFile> all() {
    try (Stream<Path> docs = Files.list(REPOSITORY.resolve("docs"))) {
      return Stream.concat(
              Stream.of("README.md", "CONTRIBUTING.md", "SECURITY.md").map(REPOSITORY::resolve),
              docs.filter(file -> file.toString().endsWith(".md")).sorted().toList().stream())
          .map(MarkdownFile::read);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static MarkdownFile read(Path path) {
    try {
      return parse(path, Files.readAllLines(path));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static MarkdownFile parse(Path path, List<String> lines) {
    List<Block> blocks = new ArrayList<>();
    List<String> prose = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      if (!lines.get(i).startsWith("```")) {
        prose.add(lines.get(i));
        continue;
      }
      int end = i + 1;
      while (!lines.get(end).equals("```")) {
        end++;
      }
      blocks.add(
          new Block(
              path + ":" + (i + 1),
              lines.get(i).substring(3),
              i == 0 ? "" : lines.get(i - 1),
              String.join("\n", lines.subList(i + 1, end)) + "\n"));
      i = end;
    }
    return new MarkdownFile(path, blocks, prose);
  }

  /** The links that do not lead out of the repository. */
  List<String> relativeLinks() {
    return LINK.matcher(String.join("\n", prose))
        .results()
        .map(match -> match.group(1))
        .filter(link -> !link.contains("://"))
        .toList();
  }

  /** Tells whether a relative link leads to a file that exists, and to a heading that it has. */
  boolean leadsSomewhere(String link) {
    String[] parts = link.split("#", 2);
    Path target = parts[0].isEmpty() ? path : path.resolveSibling(parts[0]);
    return Files.exists(target) && (parts.length == 1 || read(target).anchors().contains(parts[1]));
  }

  private List<String> anchors() {
    return prose.stream()
        .filter(line -> line.startsWith("#"))
        .map(line -> line.replaceFirst("^#+ ", "").toLowerCase(Locale.ROOT))
        .map(heading -> heading.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'))
        .toList();
  }

  @Override
  public String toString() {
    return path.toString();
  }
}

package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.cli.MarkdownFile.Block;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** README.md, the pages beside it and docs/ say what is so. */
class DocumentationTest {

  /** Every block says what it is, so that none escapes these tests; not all are checked. */
  private static final List<String> LANGUAGES =
      List.of("java", "sh", "console", "text", "json", "mermaid", "xml");

  private static final Pattern MAVEN = Pattern.compile("^\\./mvnw ");
  private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]+");

  private static Stream<MarkdownFile> files() {
    return MarkdownFile.all();
  }

  private static Stream<Block> blocks(String language) {
    return files()
        .flatMap(file -> file.blocks().stream())
        .filter(block -> block.language().equals(language));
  }

  private static Stream<Block> javaBlocks() {
    return blocks("java");
  }

  private static Stream<List<String>> commands() {
    return Stream.concat(
            blocks("sh").map(Block::text),
            blocks("console").map(Block::text).map(ShellCommands::typed))
        .flatMap(lines -> ShellCommands.of(lines).stream())
        .distinct();
  }

  private static Stream<List<String>> commandsWithoutFiles() {
    return commands().filter(command -> needsNoFiles(parse(command)));
  }

  private static boolean needsNoFiles(ParseResult parsed) {
    ParseResult command = parsed;
    while (command.hasSubcommand()) {
      command = command.subcommand();
    }
    return command.isUsageHelpRequested()
        || command.isVersionHelpRequested()
        || command.commandSpec().positionalParameters().isEmpty()
            && command.matchedOptions().isEmpty();
  }

  private static ParseResult parse(List<String> command) {
    return Main.commandLine().parseArgs(command.toArray(String[]::new));
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyBlockSaysItsLanguage(MarkdownFile file) {
    assertThat(file.blocks()).allSatisfy(block -> assertThat(LANGUAGES).contains(block.language()));
  }

  @ParameterizedTest
  @MethodSource("javaBlocks")
  void javaIsThatOfAProgramThatTestsRun(Block block) throws IOException {
    assertThat(block.source()).as("the source named before %s", block).contains(block.text());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void commandLineIsUnderstood(List<String> command) {
    assertThatCode(() -> parse(command)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @MethodSource("commandsWithoutFiles")
  void commandThatNeedsNoFilesSucceeds(List<String> command) {
    // WHEN
    CommandRun run = CommandRun.of(command.toArray(String[]::new));

    // THEN
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).isNotBlank();
  }

  private static Stream<String> mavenCommands() {
    return blocks("sh").flatMap(block -> block.text().lines()).filter(MAVEN.asPredicate());
  }

  @ParameterizedTest
  @MethodSource("mavenCommands")
  void mavenFindsWhatACommandNames(String command) throws IOException {
    List<Path> files = pomsAndTests();
    assertThat(named(command, "-pl ([^ ]+)"))
        .allSatisfy(module -> assertThat(files).contains(Path.of("..", module, "pom.xml")));
    assertThat(named(command, "-Dtest=([^ ]+)"))
        .allSatisfy(
            test -> assertThat(files).anyMatch(file -> file.endsWith(Path.of(test + ".java"))));
    String all = files.stream().map(DocumentationTest::text).collect(Collectors.joining());
    assertThat(named(command, "-P([^ ]+)"))
        .allSatisfy(profile -> assertThat(all).contains("<id>" + profile + "</id>"));
    assertThat(named(command, "-D(minillm[.][a-z.]+)=")).allMatch(all::contains, "is read");
  }

  private static List<String> named(String command, String pattern) {
    return Pattern.compile(pattern).matcher(command).results().map(it -> it.group(1)).toList();
  }

  private static List<Path> pomsAndTests() throws IOException {
    List<Path> all = new ArrayList<>(List.of(Path.of("../pom.xml")));
    try (DirectoryStream<Path> modules = Files.newDirectoryStream(Path.of(".."), "minillm-*")) {
      for (Path module : modules) {
        all.add(module.resolve("pom.xml"));
        if (Files.isDirectory(module.resolve("src/test/java"))) {
          try (Stream<Path> tests = Files.walk(module.resolve("src/test/java"))) {
            tests.filter(file -> file.toString().endsWith(".java")).forEach(all::add);
          }
        }
      }
    }
    return all;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void thereAreMavenCommands() {
    assertThat(mavenCommands()).anyMatch(command -> command.contains("verify"));
  }

  @ParameterizedTest
  @MethodSource("files")
  void relativeLinksLeadToFilesAndHeadings(MarkdownFile file) {
    assertThat(file.relativeLinks()).allMatch(file::leadsSomewhere, "leads somewhere");
  }

  private static Stream<CommandLine> subcommands(CommandLine command) {
    return command.getSubcommands().values().stream()
        .flatMap(sub -> Stream.concat(Stream.of(sub), subcommands(sub)));
  }

  @Test
  void cliPageNamesExactlyTheOptionsThatExist() {
    // GIVEN
    Set<String> existing =
        subcommands(Main.commandLine())
            .map(CommandLine::getCommandSpec)
            .flatMap(spec -> spec.options().stream())
            .map(OptionSpec::names)
            .flatMap(Arrays::stream)
            .filter(name -> name.startsWith("--"))
            .collect(Collectors.toSet());

    // WHEN
    Set<String> named =
        OPTION
            .matcher(String.join("\n", MarkdownFile.read(Path.of("../docs/cli.md")).prose()))
            .results()
            .map(MatchResult::group)
            .collect(Collectors.toSet());

    // THEN
    assertThat(named).isEqualTo(existing);
  }
}

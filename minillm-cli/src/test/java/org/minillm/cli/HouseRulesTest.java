package org.minillm.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apiguardian.api.API;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may know whom: the rules of docs/architecture.md that Maven's modules do not keep. */
class HouseRulesTest {

  private static final JavaClasses ALL =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("org.minillm");

  /** Where arrays are made, and where their memory is read: nobody else knows of a device. */
  private static final Set<String> KNOW_THE_DEVICE =
      Set.of("org.minillm.core.tensor.Compute", "org.minillm.core.tensor.HostMemory");

  /** Those that know the engine: how many threads compute is not in DJL's API. */
  private static final Set<String> KNOW_THE_ENGINE =
      Set.of("org.minillm.core.runtime.EngineThreads");

  private static final Pattern LITERAL = Pattern.compile("\"(?:[^\"\\\\\n]|\\\\.)*\"");
  private static final Pattern OPTION = Pattern.compile("[\"( ]--[a-z]");

  private static List<ArchRule> rules() {
    return List.of(
        slices().matching("org.minillm.(**)").should().beFreeOfCycles(),
        noClasses()
            .that()
            .resideInAPackage("org.minillm.criteria..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.minillm.models.."),
        noClasses()
            .that()
            .resideInAPackage("org.minillm.models..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.minillm.criteria.."),
        noClasses()
            .that()
            .resideInAPackage("org.minillm.core..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.minillm.criteria..", "org.minillm.models.."),
        noClasses()
            .that()
            .resideOutsideOfPackage("org.minillm.cli..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.minillm.cli..", "picocli..", "me.tongfei.."),
        noClasses()
            .that()
            .resideOutsideOfPackage("org.minillm.core..")
            .should()
            .dependOnClassesThat()
            .areAnnotatedWith(API.class));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void ruleIsKept(ArchRule rule) {
    rule.check(ALL);
  }

  @Test
  void classesWereFound() {
    assertThat(ALL.stream().map(JavaClass::getPackageName))
        .contains(
            "org.minillm.cli",
            "org.minillm.core.runtime",
            "org.minillm.criteria",
            "org.minillm.demo",
            "org.minillm.models");
  }

  @Test
  void whoKnowsTheDeviceIsListed() {
    assertThat(
            ALL.stream()
                .filter(HouseRulesTest::knowsTheDevice)
                .map(HouseRulesTest::topLevel)
                .collect(Collectors.toSet()))
        .isEqualTo(KNOW_THE_DEVICE);
  }

  private static boolean knowsTheDevice(JavaClass type) {
    return type.getDirectDependenciesFromSelf().stream()
            .anyMatch(on -> on.getTargetClass().isEquivalentTo(Device.class))
        || type.getMethodCallsFromSelf().stream()
            .anyMatch(call -> call.getName().equals("newBaseManager"));
  }

  @Test
  void whoKnowsTheEngineIsListed() {
    assertThat(
            ALL.stream()
                .filter(
                    type ->
                        type.getDirectDependenciesFromSelf().stream()
                            .map(on -> on.getTargetClass().getPackageName())
                            .anyMatch(name -> name.startsWith("ai.djl.pytorch")))
                .map(HouseRulesTest::topLevel)
                .collect(Collectors.toSet()))
        .isEqualTo(KNOW_THE_ENGINE);
  }

  private static String topLevel(JavaClass type) {
    return type.getName().replaceFirst("\\$.*", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"core", "criteria", "models", "nd4j", "demo", "examples"})
  void sdkDoesNotSpeakOfOptionsOfTheCommandLine(String module) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("../minillm-" + module + "/src/main/java"))) {
      assertThat(
              files
                  .filter(file -> file.toString().endsWith(".java"))
                  .flatMap(HouseRulesTest::literals))
          .isNotEmpty()
          .noneMatch(literal -> OPTION.matcher(literal).find());
    }
  }

  private static Stream<String> literals(Path source) {
    try {
      return LITERAL.matcher(Files.readString(source)).results().map(MatchResult::group);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void anOptionInAMessageWouldBeFound() {
    assertThat(Stream.of("\"--force\"", "\"give --force\"", "\"exists (--restart does)\""))
        .allMatch(literal -> OPTION.matcher(literal).find());
    assertThat("\"a -- b\"").doesNotContainPattern(OPTION);
  }
}

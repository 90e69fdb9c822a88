package org.minillm.models;

import java.io.IOException;
import java.nio.file.Path;
import org.minillm.demo.DemoData;

/**
 * The models that tests run: trained ones, of which the demo has one, and random ones for every
 * option.
 */
final class TestModels {

  private TestModels() {}

  static Path folder(String name, Path temp) throws IOException {
    if (name.equals("tiny-llama")) {
      return DemoData.model(DemoData.extract(temp.resolve("demo")));
    }
    return Path.of("src/test/resources", name.startsWith("tiny-") ? "trained" : "random", name);
  }
}

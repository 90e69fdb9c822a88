package org.minillm.models;

import java.io.IOException;
import java.nio.file.Path;
import org.minillm.demo.DemoData;

/** The models that tests run: the trained one of the demo, and random ones for every option. */
final class TestModels {

  private TestModels() {}

  static Path folder(String name, Path temp) throws IOException {
    return name.equals("tiny-llama")
        ? DemoData.model(DemoData.extract(temp.resolve("demo")))
        : Path.of("src/test/resources/random", name);
  }
}

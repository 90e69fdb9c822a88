package org.minillm.models;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.ProcessMemory;

/**
 * A program that works with one open model again and again and prints by how many bytes its
 * resident set grew: {@code FOLDER evaluate|generate WARM_UP TIMES}.
 */
final class RepeatedWork {

  private static final int WINDOW = 128;

  private final CausalLm model;

  private RepeatedWork(CausalLm model) {
    this.model = model;
  }

  public static void main(String[] args) throws IOException {
    int warmUp = Integer.parseInt(args[2]);
    int times = Integer.parseInt(args[3]);
    try (CausalLm model = CausalLm.open(Path.of(args[0]))) {
      RepeatedWork work = new RepeatedWork(model);
      long before = 0;
      for (int i = 0; i < warmUp + times; i++) {
        if (i == warmUp) {
          before = residentBytes();
        }
        if (args[1].equals("evaluate")) {
          work.evaluate(i);
        } else {
          work.generate(i);
        }
      }
      System.out.println(residentBytes() - before);
    }
  }

  private static long residentBytes() {
    return ProcessMemory.ofThisProcess().residentBytes().orElseThrow();
  }

  /** One batch of one window. */
  private void evaluate(int batch) throws IOException {
    Perplexity.measure(model, "ids", tokens(batch, WINDOW), WINDOW, 1, PassListener.SILENT);
  }

  /** 20 tokens to each of two texts of 16 tokens. */
  private void generate(int run) throws IOException {
    List<int[]> prompts = IntStream.range(0, 2).mapToObj(i -> tokens(2 * run + i, 16)).toList();
    new Generation(model, Sampling.GREEDY, 20, Set.of())
        .run(prompts, Generation.TokenListener.NONE);
  }

  private int[] tokens(int number, int count) {
    int[] tokens = new int[count];
    Arrays.setAll(tokens, i -> (number * count + i) * 31 % model.config().vocabSize());
    return tokens;
  }
}

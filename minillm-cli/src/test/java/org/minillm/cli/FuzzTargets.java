package org.minillm.cli;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.base.Throwables;
import com.google.common.hash.Hashing;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.journal.PassState;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.core.tensor.Compute;
import org.minillm.criteria.RandomCriterion;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/**
 * The kinds of files that people hand to the program, each with good ones of a few hundred bytes.
 */
final class FuzzTargets {

  private static final String LLAMA =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16,
       "num_hidden_layers": 2, "vocab_size": 20, "num_attention_heads": 4,
       "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 10, "hidden_act": "silu",
       "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "attention_bias": false,
       "mlp_bias": true, "rope_theta": 10000.0, "tie_word_embeddings": true, "eos_token_id": [2],
       "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}
      """;

  private static final List<String> OTHER_FAMILIES =
      List.of(
          """
          {"model_type": "qwen2", "hidden_size": 16, "intermediate_size": 10, "vocab_size": 20,
           "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
           "layer_types": ["full_attention", "full_attention"], "rms_norm_eps": 1e-06,
           "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
           "sliding_window": null, "use_sliding_window": false, "eos_token_id": null}
          """,
          """
          {"model_type": "opt", "hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 10,
           "num_hidden_layers": 2, "vocab_size": 20, "num_attention_heads": 4,
           "max_position_embeddings": 64, "do_layer_norm_before": true, "enable_bias": true,
           "activation_function": "relu", "eos_token_id": 2}
          """,
          """
          {"model_type": "bloom", "hidden_size": 16, "n_layer": 2, "vocab_size": 20, "n_head": 4,
           "layer_norm_epsilon": 1e-05, "tie_word_embeddings": true,
           "apply_residual_connection_post_layernorm": false, "seq_length": 64}
          """);

  private static final String HEADER =
      "{\"__metadata__\":{\"format\":\"pt\"},"
          + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
          + "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}}";

  private static final int DATA_BYTES = 32;

  private static final MemoryBudget BUDGET = MemoryBudget.parse("1g");

  private static final Map<String, String> RUN =
      Map.of("model", "0123456789abcdef", "criterion", "fms", "target.ratio", "0.2");

  private final Path root;

  private FuzzTargets(Path root) {
    this.root = root;
  }

  /**
   * Makes good files of one kind.
   *
   * @param kind its name
   * @param root an empty folder to work in
   */
  static FuzzTarget of(String kind, Path root) throws IOException {
    FuzzTargets targets = new FuzzTargets(root);
    return switch (kind) {
      case "config" -> config(targets.models());
      case "generation-config" -> targets.generationConfig();
      case "plan" -> targets.plan();
      case "run" -> targets.run();
      case "state" -> targets.state();
      case "tasks" -> targets.tasks();
      case "ids" -> targets.ids();
      case "index" -> targets.index();
      case "header" -> targets.header();
      case "tokenizer" -> targets.tokenizer();
      case "older-tokenizer" -> targets.olderTokenizer();
      default -> throw new IllegalArgumentException("no kind of file: " + kind);
    };
  }

  private static FuzzTarget.Seed seed(Path file) throws IOException {
    return new FuzzTarget.Seed(file, Files.readAllBytes(file));
  }

  private Path folder(String name) throws IOException {
    return Files.createDirectories(root.resolve(name));
  }

  private static Path write(Path file, String text) throws IOException {
    return Files.writeString(file, text);
  }

  /** One of each family, and a pruned one. */
  private List<Path> models() throws IOException {
    List<Path> models = new ArrayList<>();
    models.add(synthetic("llama", LLAMA));
    Path pruned = folder("pruned").resolve("model");
    try (CausalLm model = CausalLm.open(models.get(0), BUDGET)) {
      StructuredPruner pruner =
          StructuredPruner.builder(new RandomCriterion(), PruningTarget.of(0.5, GroupKind.values()))
              .build();
      pruner.apply(model, pruner.plan(model, null), null, pruned);
      models.add(pruned);
    }
    for (String config : OTHER_FAMILIES) {
      models.add(synthetic("model" + models.size(), config));
    }
    return models;
  }

  private Path synthetic(String name, String config) throws IOException {
    Path model = folder(name).resolve("model");
    JsonObject json = JsonParser.parseString(config).getAsJsonObject();
    new SyntheticCheckpoint(json, List.of(), 1).write(model, false, PassListener.SILENT);
    return model;
  }

  private static FuzzTarget config(List<Path> models) throws IOException {
    List<FuzzTarget.Seed> seeds = new ArrayList<>();
    for (Path model : models) {
      seeds.add(seed(model.resolve("config.json")));
    }
    return new FuzzTarget(
        "config",
        seeds,
        FuzzTarget.Form.WHOLE,
        file -> {
          try (CausalLm model = CausalLm.open(file.getParent(), BUDGET)) {
            model.endTokens();
          }
        });
  }

  private FuzzTarget generationConfig() throws IOException {
    Path model = synthetic("generation", LLAMA);
    Path file =
        write(
            model.resolve("generation_config.json"),
            "{\"bos_token_id\": 1, \"eos_token_id\": [2, 3], \"temperature\": 0.6}");
    CausalLm open = CausalLm.open(model, BUDGET);
    return new FuzzTarget(
        "generation-config", List.of(seed(file)), FuzzTarget.Form.WHOLE, any -> open.endTokens());
  }

  private FuzzTarget plan() throws IOException {
    CausalLm model = CausalLm.open(synthetic("llama", LLAMA), BUDGET);
    ModelFingerprint fingerprint = ModelFingerprint.of(model);
    Path file = folder("plan").resolve("plan.json");
    StructuredPruner.builder(new RandomCriterion(), PruningTarget.of(0.5, GroupKind.values()))
        .build()
        .plan(model, null)
        .write(file, false);
    return new FuzzTarget(
        "plan",
        List.of(seed(file)),
        FuzzTarget.Form.WHOLE,
        any -> {
          PruningPlan plan = PruningPlan.read(any);
          try {
            plan.requireMadeFor(fingerprint);
            plan.layerShapes(model.config());
          } catch (IllegalArgumentException e) {
            throw refusal(e, any);
          }
        });
  }

  /** What a method says of its arguments, which are from a file here. */
  private static IOException refusal(IllegalArgumentException documented, Path file) {
    if (documented.getClass() != IllegalArgumentException.class) {
      throw documented;
    }
    return new IOException(file + ": " + documented.getMessage(), documented);
  }

  private Path journal(String name) throws IOException {
    Path folder = folder(name).resolve("journal");
    try (JournalFolder journal = JournalFolder.open(folder, RUN, Duration.ZERO);
        NDManager manager = Compute.cpu().newManager()) {
      JsonObject findings = new JsonObject();
      findings.addProperty("loss", 1.25);
      ArraySource streams = ArraySource.of(List.of(manager.ones(new Shape(2, 3))));
      journal.saveIfDue("score", () -> new PassState(1, findings, streams));
      journal.finish("plan", new JsonPrimitive("over"));
    }
    return folder;
  }

  /** A damaged one counts as not saved, and then the journal goes: what was there is put back. */
  private FuzzTarget run() throws IOException {
    Path file = journal("run").resolve("run.json");
    Map<Path, byte[]> others = new HashMap<>();
    for (String name : List.of("score.state", "plan.state")) {
      others.put(file.resolveSibling(name), Files.readAllBytes(file.resolveSibling(name)));
    }
    return new FuzzTarget(
        "run",
        List.of(seed(file)),
        FuzzTarget.Form.WHOLE,
        damaged -> {
          byte[] input = Files.readAllBytes(damaged);
          try {
            JournalFolder.open(damaged.getParent(), RUN, Duration.ZERO).close();
            if (!Files.exists(damaged)) {
              throw new IOException(damaged + ": counts as not saved");
            }
          } finally {
            Files.createDirectories(damaged.getParent());
            Files.write(damaged, input);
            for (Map.Entry<Path, byte[]> other : others.entrySet()) {
              Files.write(other.getKey(), other.getValue());
            }
          }
        });
  }

  private FuzzTarget state() throws IOException {
    Path file = journal("state").resolve("score.state");
    ByteBuffer valid = ByteBuffer.wrap(Files.readAllBytes(file));
    int form = valid.getInt();
    byte[] json = new byte[valid.getInt()];
    valid.get(json);
    byte[] streams = new byte[valid.remaining() - Integer.BYTES];
    valid.get(streams);
    return new FuzzTarget(
        "state",
        List.of(new FuzzTarget.Seed(file, json)),
        (damaged, random) -> withChecksum(form, damaged, streams),
        any -> {
          try (JournalFolder journal = JournalFolder.open(any.getParent(), RUN, Duration.ZERO)) {
            journal.findings("score");
            if (journal.find("score").isEmpty()) {
              throw new IOException(any + ": counts as not saved");
            }
          }
        });
  }

  /** Most damage has another checksum; what is behind the checksum is tried all the same. */
  private static byte[] withChecksum(int form, byte[] json, byte[] streams) {
    byte[] content =
        ByteBuffer.allocate(2 * Integer.BYTES + json.length + streams.length)
            .putInt(form)
            .putInt(json.length)
            .put(json)
            .put(streams)
            .array();
    byte[] checksum = Hashing.crc32c().hashBytes(content).asBytes();
    byte[] file = Arrays.copyOf(content, content.length + checksum.length);
    System.arraycopy(checksum, 0, file, content.length, checksum.length);
    return file;
  }

  private FuzzTarget tasks() throws IOException {
    Path folder = folder("tasks");
    Path choices =
        write(
            folder.resolve("choices.jsonl"),
            "{\"context\": \"a\", \"choices\": [\" b\", \" c\"], \"answer\": 0}\n".repeat(2));
    Path contexts =
        write(
            folder.resolve("contexts.jsonl"),
            "{\"contexts\": [\"a\", \"b\"], \"continuation\": \" c\", \"answer\": 1}\n");
    return new FuzzTarget(
        "tasks",
        List.of(seed(choices), seed(contexts)),
        FuzzTarget.Form.WHOLE,
        file -> TaskItem.read(file, 10));
  }

  /** The command reads the ids before it looks for the model, of which there is none. */
  private FuzzTarget ids() throws IOException {
    Path folder = folder("ids");
    String none = folder.resolve("none").toString();
    AtomicReference<Exception> problem = new AtomicReference<>();
    CommandLine command =
        new CommandLine(new LogitsCommand())
            .setExecutionExceptionHandler(
                (thrown, any, parsed) -> {
                  problem.set(thrown);
                  return ExitCode.SOFTWARE;
                });
    return new FuzzTarget(
        "ids",
        List.of(seed(write(folder.resolve("ids.json"), "[[1, 5, 9], [1, 7, 2]]"))),
        FuzzTarget.Form.WHOLE,
        file -> {
          command.execute(none, "--ids", file.toString(), "--out", none + ".safetensors");
          if (!(problem.get() instanceof NoSuchFileException missing)
              || !none.equals(missing.getFile())) {
            Throwables.throwIfInstanceOf(problem.get(), IOException.class);
            throw new IllegalStateException(problem.get());
          }
        });
  }

  private FuzzTarget index() throws IOException {
    Path folder = folder("index/model");
    write(folder.resolve("config.json"), LLAMA);
    Files.write(
        folder.resolve("1.safetensors"), safetensors(HEADER.getBytes(StandardCharsets.UTF_8)));
    Path file =
        write(
            folder.resolve("model.safetensors.index.json"),
            "{\"metadata\":{\"total_size\":32},"
                + "\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}");
    return new FuzzTarget("index", List.of(seed(file)), FuzzTarget.Form.WHOLE, any -> open(folder));
  }

  private FuzzTarget header() throws IOException {
    Path folder = folder("header/model");
    write(folder.resolve("config.json"), LLAMA);
    byte[] header = HEADER.getBytes(StandardCharsets.UTF_8);
    Path file = folder.resolve("model.safetensors");
    Files.write(file, safetensors(header));
    return new FuzzTarget(
        "header",
        List.of(new FuzzTarget.Seed(file, header)),
        (damaged, random) -> {
          byte[] whole = safetensors(damaged);
          if (random.nextInt(8) == 0) {
            whole[random.nextInt(Long.BYTES)] ^= (byte) (1 << random.nextInt(8));
          }
          return whole;
        },
        any -> open(folder));
  }

  private static byte[] safetensors(byte[] header) {
    return ByteBuffer.allocate(Long.BYTES + header.length + DATA_BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  private static void open(Path folder) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder);
        NDManager owner = Compute.cpu().newManager()) {
      for (TensorInfo tensor : checkpoint.tensors().values()) {
        if (tensor.type().isReadable()) {
          checkpoint.read(tensor.name(), owner);
        }
      }
    }
  }

  private FuzzTarget tokenizer() throws IOException {
    Path model = synthetic("tokenizer", LLAMA);
    Path file =
        write(
            model.resolve("tokenizer.json"),
            """
            {"version": "1.0", "truncation": null, "padding": null,
             "added_tokens": [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": false,
              "rstrip": false, "normalized": false, "special": true}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"},
              {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]},
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
              "trim_offsets": true, "use_regex": true},
             "post_processor": {"type": "ByteLevel", "add_prefix_space": true,
              "trim_offsets": false, "use_regex": true},
             "decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>",
              "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
              "byte_fallback": false, "ignore_merges": false,
              "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "c": 4, "abc": 5},
              "merges": [["a", "b"], ["ab", "c"]]}}
            """);
    CausalLm open = CausalLm.open(model, BUDGET);
    return new FuzzTarget(
        "tokenizer",
        List.of(seed(file)),
        FuzzTarget.Form.WHOLE,
        any -> {
          try (Tokenizer tokenizer = open.tokenizer()) {
            tokenizer.decode(tokenizer.encode("ab c"));
          } catch (IllegalArgumentException e) {
            throw refusal(e, any);
          }
        });
  }

  private FuzzTarget olderTokenizer() throws IOException {
    List<FuzzTarget.Seed> seeds = new ArrayList<>();
    Map<Path, CausalLm> models = new HashMap<>();
    for (String kind :
        List.of("GPT2Tokenizer", "Qwen2Tokenizer", "LlamaTokenizer", "T5Tokenizer", "older")) {
      Path model = synthetic("older-tokenizer/" + kind, OTHER_FAMILIES.get(1));
      List<Path> files =
          switch (kind) {
            case "older" -> OlderTokenizerFiles.olderByteLevel(model);
            case "LlamaTokenizer", "T5Tokenizer" -> OlderTokenizerFiles.pieces(model, kind);
            default -> OlderTokenizerFiles.byteLevel(model, kind);
          };
      for (Path file : files) {
        seeds.add(seed(file));
      }
      CausalLm open = CausalLm.open(model, BUDGET);
      open.tokenizer().close(); // it is a good one
      models.put(model, open);
    }
    return new FuzzTarget(
        "older-tokenizer",
        seeds,
        FuzzTarget.Form.WHOLE,
        file -> {
          CausalLm model = Objects.requireNonNull(models.get(file.getParent()));
          try (Tokenizer tokenizer = model.tokenizer()) {
            tokenizer.decode(tokenizer.encode("ab c <s>  <pad> ª[x]\n"));
          } catch (IllegalArgumentException e) {
            throw refusal(e, file);
          }
        });
  }
}

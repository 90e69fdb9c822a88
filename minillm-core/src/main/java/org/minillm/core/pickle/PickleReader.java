package org.minillm.core.pickle;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * Reads a pickle of Python without running any of it. Whatever it would call is handed out as a
 * {@link PickledCall}, and names that the reader was not told of are refused. Memory is bounded by
 * the size of the pickle.
 *
 * <p>Values are {@link Map}, {@link List}, {@link String}, {@link Long}, {@link BigInteger}, {@link
 * Double}, {@link Boolean}, {@code byte[]}, {@link #NONE}, {@link PickledGlobal}, {@link
 * PickledCall} and {@link PickledReference}. They may lead back to themselves: do not compare or
 * print them whole.
 *
 * @see <a href="https://github.com/python/cpython/blob/main/Lib/pickletools.py">the opcodes</a>
 */
public final class PickleReader {

  /** Python's None. */
  public static final Object NONE = new Object();

  private static final int NEWEST_PROTOCOL = 5;

  /** Of the largest models' weights it is some ten thousand; more would fill the memory. */
  private static final int MOST_OPCODES = 2_000_000;

  /** What a message quotes of a name. */
  private static final int MAX_NAME = 100;

  private final PickleInput input;
  private final PickleStack stack;
  private final ImmutableSet<String> known;

  private PickleReader(PickleInput input, ImmutableSet<String> known) {
    this.input = input;
    this.stack = new PickleStack(input);
    this.known = known;
  }

  /**
   * Reads a pickle.
   *
   * @param bytes of protocol 2 to 5
   * @param name of the file, for messages
   * @param known functions and classes that the pickle may name, with their modules
   * @return what it holds
   * @throws MalformedFileException if it is cut or wrong, or names anything else
   */
  public static Object read(byte[] bytes, String name, Set<String> known)
      throws MalformedFileException {
    requireNonNull(bytes, "bytes");
    requireNonNull(name, "name");
    requireNonNull(known, "known");
    return new PickleReader(new PickleInput(bytes, name), ImmutableSet.copyOf(known)).read();
  }

  private Object read() throws MalformedFileException {
    for (int count = 0; count < MOST_OPCODES; count++) {
      int opcode = input.unsignedByte();
      if (opcode == '.') {
        return stack.pop();
      }
      if (!readValue(opcode) && !readContainer(opcode) && !readObject(opcode)) {
        throw input.refuse(
            "opcode %d (0x%02x), expected one of those that weights are made of"
                .formatted(opcode, opcode));
      }
    }
    throw input.refuse(
        "more than " + MOST_OPCODES + " opcodes, expected those of some thousand tensors");
  }

  private boolean readValue(int opcode) throws MalformedFileException {
    switch (opcode) {
      case 'N' -> stack.push(NONE);
      case 0x88 -> stack.push(true);
      case 0x89 -> stack.push(false);
      case 'J' -> stack.push((long) input.signedInt());
      case 'K' -> stack.push((long) input.unsignedByte());
      case 'M' -> stack.push((long) input.unsignedShort());
      case 0x8a -> stack.push(input.integer(input.unsignedByte()));
      case 0x8b -> stack.push(input.integer(input.signedInt()));
      case 'G' -> stack.push(input.bigEndianDouble());
      case 'X' -> stack.push(input.text(input.unsignedInt()));
      case 0x8c -> stack.push(input.text(input.unsignedByte()));
      case 0x8d -> stack.push(input.text(input.signedLong()));
      case 'U' -> stack.push(input.text(input.unsignedByte()));
      case 'T' -> stack.push(input.text(input.signedInt()));
      case 'C' -> stack.push(input.bytes(input.unsignedByte()));
      case 'B' -> stack.push(input.bytes(input.unsignedInt()));
      case 0x8e -> stack.push(input.bytes(input.signedLong()));
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean readContainer(int opcode) throws MalformedFileException {
    switch (opcode) {
      case '(' -> stack.mark();
      case '0' -> stack.pop();
      case '1' -> stack.popToMark();
      case '2' -> stack.push(stack.top());
      case ')' -> stack.push(ImmutableList.of());
      case 't' -> stack.push(stack.popToMark());
      case 0x85 -> stack.push(stack.pop(1));
      case 0x86 -> stack.push(stack.pop(2));
      case 0x87 -> stack.push(stack.pop(3));
      case ']' -> stack.push(new ArrayList<>());
      case 'l' -> stack.push(new ArrayList<>(stack.popToMark()));
      case 'a' -> append(stack.pop(1));
      case 'e' -> append(stack.popToMark());
      case '}' -> stack.push(new LinkedHashMap<>());
      case 'd' -> {
        ImmutableList<Object> items = stack.popToMark();
        stack.push(new LinkedHashMap<>());
        put(items);
      }
      case 's' -> put(stack.pop(2));
      case 'u' -> put(stack.popToMark());
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean readObject(int opcode) throws MalformedFileException {
    switch (opcode) {
      case 0x80 -> requireProtocol(input.unsignedByte());
      case 0x95 -> input.signedLong(); // a frame's length: the values follow as they would without
      case 'c' -> stack.push(global(input.line(), input.line()));
      case 0x93 -> {
        ImmutableList<Object> names = stack.pop(2);
        stack.push(global(names.get(0), names.get(1)));
      }
      case 'R', 0x81 -> {
        ImmutableList<Object> parts = stack.pop(2);
        stack.push(call(parts.get(0), parts.get(1)));
      }
      case 'b' -> stack.pop(); // the attributes of what is on the stack: weights have none
      case 'Q' -> stack.push(new PickledReference(stack.pop()));
      case 'q' -> stack.remember(input.unsignedByte());
      case 'r' -> stack.remember(input.unsignedInt());
      case 0x94 -> stack.rememberNext();
      case 'h' -> stack.recall(input.unsignedByte());
      case 'j' -> stack.recall(input.unsignedInt());
      default -> {
        return false;
      }
    }
    return true;
  }

  private void requireProtocol(int protocol) throws MalformedFileException {
    if (protocol < 2 || protocol > NEWEST_PROTOCOL) {
      throw input.refuse("protocol " + protocol + ", expected 2 to " + NEWEST_PROTOCOL);
    }
  }

  private PickledGlobal global(Object module, Object name) throws MalformedFileException {
    if (!(module instanceof String of) || !(name instanceof String what)) {
      throw input.refuse("a function without a name");
    }
    String full = of + "." + what;
    if (!known.contains(full)) {
      throw input.refuse(
          ("needs Python's %s, which is not run here; save the weights alone, in Python with"
                  + " torch.save(model.state_dict(), …), or better as safetensors")
              .formatted(JsonNode.shortened(full, MAX_NAME)));
    }
    return new PickledGlobal(full);
  }

  private PickledCall call(Object function, Object arguments) throws MalformedFileException {
    if (function instanceof PickledGlobal global && arguments instanceof ImmutableList<?> tuple) {
      return new PickledCall(global, ImmutableList.copyOf(tuple));
    }
    throw input.refuse("calls what is no function");
  }

  private void append(List<Object> values) throws MalformedFileException {
    Object list = stack.top();
    if (!(list instanceof ArrayList<?>)) {
      throw input.refuse("appends to what is no list");
    }
    @SuppressWarnings("unchecked") // made here, of any values
    List<Object> target = (ArrayList<Object>) list;
    target.addAll(values);
  }

  private void put(List<Object> items) throws MalformedFileException {
    Map<Object, Object> target = items(stack.top());
    if (items.size() % 2 != 0) {
      throw input.refuse("a key without a value");
    }
    for (int i = 0; i < items.size(); i += 2) {
      Object key = items.get(i);
      if (!(key instanceof String || key instanceof Long || key instanceof Boolean)) {
        throw input.refuse("a key that is neither text nor a whole number");
      }
      target.put(key, items.get(i + 1));
    }
  }

  private Map<Object, Object> items(Object target) throws MalformedFileException {
    if (target instanceof PickledCall call) {
      return call.items();
    }
    if (target instanceof LinkedHashMap<?, ?>) {
      @SuppressWarnings("unchecked") // made here, of such keys and any values
      Map<Object, Object> map = (LinkedHashMap<Object, Object>) target;
      return map;
    }
    throw input.refuse("puts items into what has none");
  }
}

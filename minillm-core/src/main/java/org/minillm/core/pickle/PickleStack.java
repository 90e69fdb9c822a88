package org.minillm.core.pickle;

import com.google.common.collect.ImmutableList;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.files.MalformedFileException;

/** What a pickle has made so far: the stack with its marks, and the memo. */
final class PickleStack {

  /** Where a run of values begins. */
  private static final Object MARK = new Object();

  private final PickleInput input;
  private final List<Object> stack = new ArrayList<>();
  private final Map<Long, Object> memo = new HashMap<>();

  PickleStack(PickleInput input) {
    this.input = input;
  }

  void push(Object value) {
    stack.add(value);
  }

  void mark() {
    stack.add(MARK);
  }

  Object pop() throws MalformedFileException {
    if (stack.isEmpty() || stack.get(stack.size() - 1) == MARK) {
      throw input.refuse("takes a value where there is none");
    }
    return stack.remove(stack.size() - 1);
  }

  Object top() throws MalformedFileException {
    Object value = pop();
    stack.add(value);
    return value;
  }

  /** Takes all values behind the last mark, and the mark. */
  ImmutableList<Object> popToMark() throws MalformedFileException {
    int mark = stack.lastIndexOf(MARK);
    if (mark < 0) {
      throw input.refuse("takes a run of values where none begins");
    }
    ImmutableList<Object> values = ImmutableList.copyOf(stack.subList(mark + 1, stack.size()));
    stack.subList(mark, stack.size()).clear();
    return values;
  }

  ImmutableList<Object> pop(int count) throws MalformedFileException {
    Object[] values = new Object[count];
    for (int i = count - 1; i >= 0; i--) {
      values[i] = pop();
    }
    return ImmutableList.copyOf(values);
  }

  void remember(long key) throws MalformedFileException {
    memo.put(key, top());
  }

  /** Remembers under the next number. */
  void rememberNext() throws MalformedFileException {
    remember(memo.size());
  }

  void recall(long key) throws MalformedFileException {
    Object value = memo.get(key);
    if (value == null) {
      throw input.refuse("refers to value " + key + ", which is not there");
    }
    push(value);
  }
}

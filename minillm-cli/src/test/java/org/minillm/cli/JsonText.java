package org.minillm.cli;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Damage that leaves JSON what it is and changes what it says. Works on the text, so that values
 * can be put in that no JSON library would write.
 */
final class JsonText {

  /** What programs have stumbled over. */
  private static final List<String> HOSTILE =
      List.of(
          "2147483647",
          "2147483646",
          "2147483648",
          "4294967297",
          "9223372036854775807",
          "99999999999999999999",
          "-1",
          "-2147483648",
          "0",
          "-0",
          "1",
          "3",
          "0.5",
          "2.0",
          "1e3",
          "1e400",
          "-1e400",
          "1e-400",
          "NaN",
          "null",
          "true",
          "false",
          "\"\"",
          "\"2\"",
          "\"NaN\"",
          "\"../../x\"",
          "\"/dev/zero\"",
          "\"\\u0000\"",
          "\"\\ud800\"",
          "\"\\",
          "[]",
          "{}",
          "[2]",
          "[null]",
          "{\"a\":1}",
          "[[[[1]]]]",
          "\"" + "long ".repeat(2000) + "\"",
          "9".repeat(5000),
          "[".repeat(300) + "]".repeat(300));

  /** Where a piece of the text stands: a value, or a key with its value. */
  private record Span(int start, int end) {}

  private final String text;
  private final List<Span> values = new ArrayList<>();
  private final List<Span> members = new ArrayList<>();

  /**
   * Finds the pieces of a text.
   *
   * @param text one JSON value, or several one after the other; of others something is found, too
   */
  JsonText(String text) {
    this.text = text;
    Deque<Span> open = new ArrayDeque<>(); // where a value begins, and its member
    int member = -1;
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == '{' || c == '[') {
        open.push(new Span(at, member));
        member = -1;
      } else if ((c == '}' || c == ']') && !open.isEmpty()) {
        Span begun = open.pop();
        found(begun.start(), at + 1, begun.end());
        member = -1;
      } else if (c == '"' || isPartOfWord(c)) {
        int end = c == '"' ? endOfString(at) : endOfWord(at);
        if (c == '"' && isKey(end)) {
          member = at;
        } else {
          found(at, end, member);
          member = -1;
        }
        at = end - 1;
      }
    }
  }

  private void found(int start, int end, int member) {
    values.add(new Span(start, end));
    if (member >= 0) {
      members.add(new Span(member, end));
    }
  }

  private static boolean isPartOfWord(char c) {
    return c >= '0' && c <= '9'
        || c >= 'a' && c <= 'z'
        || c == '-'
        || c == '+'
        || c == '.'
        || c == 'E';
  }

  private int endOfWord(int start) {
    int end = start;
    while (end < text.length() && isPartOfWord(text.charAt(end))) {
      end++;
    }
    return end;
  }

  private int endOfString(int start) {
    for (int at = start + 1; at < text.length(); at++) {
      if (text.charAt(at) == '\\') {
        at++;
      } else if (text.charAt(at) == '"') {
        return at + 1;
      }
    }
    return text.length();
  }

  private boolean isKey(int end) {
    int next = end;
    while (next < text.length() && text.charAt(next) <= ' ') {
      next++;
    }
    return next < text.length() && text.charAt(next) == ':';
  }

  /** Changes one piece. */
  String damaged(RandomGenerator random) {
    if (values.isEmpty()) {
      return HOSTILE.get(random.nextInt(HOSTILE.size()));
    }
    Span value = pick(values, random);
    Span other = pick(values, random);
    if (members.isEmpty() || random.nextInt(5) < 3) {
      return switch (random.nextInt(5)) {
        case 0, 1 -> with(value, HOSTILE.get(random.nextInt(HOSTILE.size())));
        case 2 -> with(value, piece(other));
        case 3 -> with(value, piece(value) + "," + piece(value));
        default -> swapped(value, other);
      };
    }
    Span member = pick(members, random);
    return switch (random.nextInt(4)) {
      case 0 -> with(withComma(member), "");
      case 1 -> with(member, piece(member) + "," + piece(member));
      case 2 -> with(member, piece(member) + "," + piece(pick(members, random)));
      default -> swapped(member, pick(members, random));
    };
  }

  private static Span pick(List<Span> spans, RandomGenerator random) {
    return spans.get(random.nextInt(spans.size()));
  }

  private String piece(Span span) {
    return text.substring(span.start(), span.end());
  }

  private String with(Span span, String replacement) {
    return text.substring(0, span.start()) + replacement + text.substring(span.end());
  }

  private Span withComma(Span member) {
    int after = text.indexOf(',', member.end());
    int before = text.lastIndexOf(',', member.start());
    boolean follows = after >= 0 && text.substring(member.end(), after).isBlank();
    return follows
        ? new Span(member.start(), after + 1)
        : new Span(before >= 0 ? before : member.start(), member.end());
  }

  private String swapped(Span one, Span two) {
    Span first = one.start() <= two.start() ? one : two;
    Span second = first == one ? two : one;
    if (second.start() < first.end()) {
      return with(first, piece(second)); // one within the other: what is around it goes
    }
    return text.substring(0, first.start())
        + piece(second)
        + text.substring(first.end(), second.start())
        + piece(first)
        + text.substring(second.end());
  }
}

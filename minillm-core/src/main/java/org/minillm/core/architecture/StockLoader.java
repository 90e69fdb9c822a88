package org.minillm.core.architecture;

/** A release of Hugging Face transformers, loading a model without code from its folder. */
public enum StockLoader {
  /** 4.57: takes any number of heads where config.json says how wide they are. */
  TRANSFORMERS_4("transformers 4"),
  /** 5: checks more of config.json before it loads a weight. */
  TRANSFORMERS_5("transformers 5");

  private final String words;

  StockLoader(String words) {
    this.words = words;
  }

  /** Returns its name, as messages have it. */
  @Override
  public String toString() {
    return words;
  }
}

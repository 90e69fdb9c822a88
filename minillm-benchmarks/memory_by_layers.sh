#!/usr/bin/env bash
# How the peak memory of "minillm prune" grows with the number of layers: models of random weights, of one shape and several
# depths, pruned one after the other with the budget that the first needs. Prints a table as CSV; plot_memory.py draws it.
#
# Usage: minillm-benchmarks/memory_by_layers.sh TOKENIZER [CONFIG [LAYERS...]]
# TOKENIZER: a checkpoint folder whose tokenizer is copied. CONFIG: a config.json; by default a LLaMA of hidden size 2048,
# 5504 channels and 16 heads. LAYERS: by default 4 8 16 32, which takes 7 GB of disk at the most.
set -euo pipefail

(($# >= 1)) || {
  sed -n '5,7s/^# //p' "$0" >&2
  exit 2
}
tokenizer=$1 config=${2:-}
shift $(($# < 2 ? $# : 2))
layers=("$@")
(($#)) || layers=(4 8 16 32)
home=$(cd "$(dirname "$0")/.." && pwd)
minillm=${MINILLM:-$home/minillm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[[ -n $config ]] || {
  config=$work/shape.json
  cat >"$config" <<'JSON'
{"model_type": "llama", "hidden_size": 2048, "intermediate_size": 5504, "num_attention_heads": 16, "num_key_value_heads": 16,
 "num_hidden_layers": 4, "vocab_size": 32000, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
JSON
}

quietly() {
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
}

# a figure of prune's report: NAME FORMAT
figure() { printf "$2" "$(sed -n "s/.*\"$1\": *\([0-9.E+]*\).*/\1/p" "$work/prune.json")"; }

prune() {
  "$minillm" prune "$work/model" --criterion fms --restore none --samples 8 --ratio 0.2 --memory "$1" --out "$work/pruned" \
    --json "$work/prune.json"
}

# one byte is refused with the smallest budget that can be kept
smallest_budget() {
  prune 1 2>&1 | sed -n 's/.*give --memory \([0-9]*m\) or more.*/\1/p'
}

budget=
echo "layers,checkpoint_bytes,budget,forecast_bytes,peak_bytes,seconds"
for count in "${layers[@]}"; do
  sed "s/\"num_hidden_layers\": *[0-9]*/\"num_hidden_layers\": $count/" "$config" >"$work/config.json"
  quietly "$minillm" bench synthetic "$work/config.json" --tokenizer "$tokenizer" --out "$work/model"
  budget=${budget:-$(smallest_budget || true)}
  quietly prune "$budget"
  bytes=$(du -bc "$work"/model/*.safetensors | tail -n 1 | cut -f 1)
  echo "$count,$bytes,$budget,$(figure forecast_peak_bytes %.0f),$(figure peak_rss_bytes %.0f),$(figure seconds %.1f)"
  rm -rf "$work/model" "$work/pruned"
done

#!/usr/bin/env python3
"""Trains small tokenizers, saves their older forms, and stores the ids that stock transformers makes of them.

    python tools/make_tokenizer_goldens.py wikitext2.valid.txt \\
        minillm-core/src/test/resources/tokenizers/slow

writes bpe.model, unigram.model and mapped.model (SentencePiece), vocab.json and merges.txt (byte-level BPE), and
goldens.json: texts, and for each case the files of its folder, the ids of the texts without special tokens, and what
transformers makes of the ids again. --goldens-only keeps the tokenizers that are there.

    python tools/make_tokenizer_goldens.py --check FOLDER ids.json

instead compares ids that another program made of a real model's folder: ids.json is {"texts": [...], "ids": [[...]]}.

Needs transformers 4, tokenizers, sentencepiece and protobuf, and no torch; made with transformers 4.57.1,
tokenizers 0.22.2 and sentencepiece 0.2.3.
"""

import argparse
import contextlib
import json
import pathlib
import random
import shutil
import sys
import tempfile

SCRIPTS = [
    "The quick brown fox jumps over the lazy dog. It's what they'll do, isn't it? I'VE SEEN 12345 of 67,890.12!",
    "Grüße aus München, naïve café, œuvre, Ænima, Łódź, Dvořák, ğüşıöç, Ångström, ﬁne ﬂow, ½ kg, x² + y² = ™",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Ґанок, ђак, ќош.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Ἐν ἀρχῇ ἦν ὁ λόγος.",
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。一二三四五六七八九十",
    "すべての人間は、生まれながらにして自由であり、カタカナとひらがな、ﾊﾝｶｸ ＦＵＬＬ　ｗｉｄｔｈ",
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. \u1112\u1161\u11ab\u1100\u1173\u11af",
    "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. ١٢٣ لا إلٰه",
    "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. שָׁלוֹם",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। १२३ क्षत्रिय",
    "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ๑๒๓",
    "ყველა ადამიანი იბადება თავისუფალი. Բոլոր մարդիկ ծնվում են ազատ։ ሰው ሁሉ ነጻ ሆኖ ይወለዳል።",
    "👍 😀😃 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ☃️ 👋🏽 ✈ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𝄞",
]

PLACES = [
    "",
    " ",
    "  ",
    "     ",
    " one",
    "  two  spaces   between ",
    "trailing   ",
    "\n",
    "\n\n\nthree lines\n\nand\r\nmore\r",
    "\ttabs\t\tand \t mixed \n\t",
    "a\u0000b\u0001\u0007\u001b[31m\u007f\u0085\u00a0\u200b\u200d\u2028\u3000\ufeff\ufffd",
    "e\u0301 A\u030a n\u0303o\u0302 q\u0307\u0323 \u0301alone \u1e0b\u0323 \u212b \uf900 \u0958",
    "<s>",
    "<s>a</s>",
    " <s> a </s>  b<unk>c <pad> ",
    "Hello <s>.",
    "the<|endoftext|>\n<|im_start|>user\nHi<|im_end|> <extra_id_0> <extra_id_3>",
    "[INST] <<SYS>>\n<|tool|> x<mask>y <mask> z[MASK]w <new word> and <newer>",
    "<0x0A> <0x41> ▁ ▁▁under ▁score Ġ Ċ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "................................  ---- ==== 1000000000 3.14159 0x1F",
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass\n",
    "https://example.org/a_b?c=d&e=%20 user@example.com I'm you're we've HE'S 'tis o'clock",
]

LONG = 12  # texts that are random pieces of all the others


def texts():
    draw = random.Random(18)
    whole = " ".join(SCRIPTS + PLACES)
    mixed = []
    for _ in range(LONG):
        pieces = []
        for _ in range(12):
            start = draw.randrange(len(whole))
            pieces.append(whole[start:start + draw.randrange(1, 12)])
        mixed.append("".join(pieces))
    return SCRIPTS + PLACES + mixed


def train(text, out):
    import sentencepiece
    from tokenizers import ByteLevelBPETokenizer

    english = text.read_text(encoding="utf-8")[:400_000]
    out = out.resolve()
    # models remember the name of their text: a plain one
    with tempfile.TemporaryDirectory() as temp, contextlib.chdir(temp):
        corpus = pathlib.Path("corpus.txt")
        corpus.write_text(english + "\n" + "\n".join(SCRIPTS * 12) + "\n", encoding="utf-8")
        common = dict(input=str(corpus), minloglevel=2, num_threads=1, character_coverage=0.9995,
                      max_sentence_length=100_000)
        plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True,
                     split_digits=True, allow_whitespace_only_pieces=True)
        sentencepiece.SentencePieceTrainer.train(
            model_prefix="bpe", model_type="bpe", vocab_size=2000, user_defined_symbols="[INST],<<SYS>>",
            control_symbols="<|tool|>", **common, **plain)
        sentencepiece.SentencePieceTrainer.train(
            model_prefix="unigram", model_type="unigram", vocab_size=1800, **common, **plain)
        rules = pathlib.Path("rules.tsv")
        rules.write_text(
            "".join(f"{ord(c):X}\t{' '.join(f'{ord(r):X}' for r in to)}\n" for c, to in MAPPED.items())
            + "65 301\tE9\n41 30A\tC5\n", encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            model_prefix="mapped", model_type="unigram", vocab_size=1200, pad_id=0, eos_id=1, unk_id=2,
            bos_id=-1, normalization_rule_tsv=str(rules), **common)
        for name in ("bpe", "unigram", "mapped"):
            shutil.copy(f"{name}.model", out / f"{name}.model")
        byte_level = ByteLevelBPETokenizer()
        byte_level.train([str(corpus)], vocab_size=2000, special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
        byte_level.save_model(str(out))


MAPPED = {"ﬁ": "fi", "ﬂ": "fl", "½": "1/2", "™": "TM", "²": "2", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ",
          "\u200b": " ", "Ａ": "A", "Ｆ": "F", "Ｕ": "U", "Ｌ": "L", "ｗ": "w", "ｉ": "i", "ｄ": "d", "ｔ": "t", "ｈ": "h"}


def token(content, **flags):
    return dict(dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True),
                **flags)


def added(content, **flags):
    return dict(dict(__type="AddedToken", content=content, lstrip=False, normalized=True, rstrip=False,
                     single_word=False), **flags)


# name: (files, by what the folder calls them), (JSON files)
SPM = {"tokenizer.model": "bpe.model"}
UNIGRAM = {"tokenizer.model": "unigram.model"}
BYTES = {"vocab.json": "vocab.json", "merges.txt": "merges.txt"}
SPECIALS = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
QWEN = {str(2000 + i): token(t) for i, t in enumerate(("<|endoftext|>", "<|im_start|>", "<|im_end|>"))}
CASES = {
    "llama-no-config": (SPM, {"config": {"model_type": "llama"}}),
    "llama-1": (SPM, {
        "tokenizer_config": dict(tokenizer_class="LlamaTokenizer", bos_token=added("<s>"), eos_token=added("</s>"),
                                 unk_token=added("<unk>"), clean_up_tokenization_spaces=False, pad_token=None),
        "special_tokens_map": {k: token(v, normalized=True) for k, v in SPECIALS.items()}}),
    "vicuna": (SPM, {
        "tokenizer_config": dict(
            tokenizer_class="LlamaTokenizer", add_bos_token=True, add_eos_token=False, legacy=True,
            bos_token=added("<s>", normalized=False), eos_token=added("</s>", normalized=False),
            unk_token=added("<unk>", normalized=False), pad_token=None, sp_model_kwargs={}, padding_side="right"),
        "special_tokens_map": dict({k: token(v) for k, v in SPECIALS.items()}, pad_token="<unk>"),
        "added_tokens": {"<pad>": 2000, "<new word>": 2001, "<new": 2002}}),
    "mistral": (SPM, {
        "config": {"model_type": "mistral"},
        "tokenizer_config": dict(
            add_bos_token=True, add_eos_token=False, legacy=False, additional_special_tokens=["<|tool|>", "<mask>"],
            added_tokens_decoder={"0": token("<unk>"), "1": token("<s>"), "2": token("</s>"),
                                  "2000": token("<mask>", lstrip=True), "2001": token("<new", special=False,
                                                                                     normalized=True)},
            tokenizer_class="LlamaTokenizer", **SPECIALS)}),
    "no-prefix": (SPM, {"tokenizer_config": dict(tokenizer_class="LlamaTokenizer", add_prefix_space=False)}),
    "no-prefix-new": (SPM, {"tokenizer_config": dict(tokenizer_class="LlamaTokenizerFast", add_prefix_space=False,
                                                     legacy=False)}),
    "llama-unigram": (UNIGRAM, {"tokenizer_config": dict(tokenizer_class="LlamaTokenizer")}),
    "t5": ({"spiece.model": "mapped.model"}, {"tokenizer_config": dict(tokenizer_class="T5Tokenizer", extra_ids=5)}),
    "t5-new": ({"spiece.model": "mapped.model"}, {"tokenizer_config": dict(
        tokenizer_class="T5Tokenizer", extra_ids=0, legacy=False, additional_special_tokens=["<mask>"])}),
    "gpt2": (BYTES, {"config": {"model_type": "gpt2"}}),
    "opt": (BYTES, {
        "config": {"model_type": "opt"},
        "tokenizer_config": dict(
            errors="replace", unk_token=added("</s>"), bos_token=added("</s>"), eos_token=added("</s>"),
            add_prefix_space=False, add_bos_token=True, pad_token="<pad>", tokenizer_class="GPT2Tokenizer"),
        "special_tokens_map": dict(
            bos_token=token("</s>", normalized=True), eos_token=token("</s>", normalized=True),
            unk_token=token("</s>", normalized=True), pad_token="<pad>")}),
    "gpt2-prefix": (BYTES, {"tokenizer_config": dict(
        tokenizer_class="GPT2TokenizerFast", add_prefix_space=True, mask_token="<mask>",
        additional_special_tokens=["<|im_start|>", added("<|im_end|>", rstrip=True)],
        bos_token="<s>", eos_token="</s>", unk_token="<unk>")}),
    "qwen2": (BYTES, {"config": {"model_type": "qwen2"}, "tokenizer_config": dict(
        tokenizer_class="Qwen2Tokenizer", add_prefix_space=False, added_tokens_decoder=QWEN, bos_token=None,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"], eos_token="<|im_end|>", errors="replace",
        pad_token="<|endoftext|>", split_special_tokens=False, unk_token=None)}),
    "qwen3-no-config": (BYTES, {"config": {"model_type": "qwen3"}}),
}


def open_fast(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder), use_fast=True, local_files_only=True)


def golden(name, sources, files, jsons):
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        for target, source in files.items():
            shutil.copy(sources / source, folder / target)
        for file, json_ in dict({"config": {"model_type": "llama"}}, **jsons).items():
            (folder / f"{file}.json").write_text(json.dumps(json_), encoding="utf-8")
        tokenizer = open_fast(folder)
        ids = [tokenizer.encode(t, add_special_tokens=False) for t in texts()]
        back = [tokenizer.decode(i, skip_special_tokens=False, clean_up_tokenization_spaces=False) for i in ids]
        return dict(name=name, files=files, jsons=jsons, ids=ids, decoded=back), tokenizer


def check(folder, ids):
    given = json.loads(ids.read_text(encoding="utf-8"))
    tokenizer = open_fast(folder)
    wrong = [t for t, i in zip(given["texts"], given["ids"]) if tokenizer.encode(t, add_special_tokens=False) != i]
    for text in wrong[:5]:
        print("other ids:", repr(text))
    print(f"{len(given['texts']) - len(wrong)} of {len(given['texts'])} texts have the same ids")
    sys.exit(1 if wrong else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path, help="English text to train on; with --check, the model's folder")
    parser.add_argument("out", type=pathlib.Path, help="folder to write; with --check, the ids to compare")
    parser.add_argument("--goldens-only", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--dump", type=pathlib.Path, help="also writes transformers' own tokenizer.json of each case")
    args = parser.parse_args()
    if args.check:
        check(args.text, args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.goldens_only:
        train(args.text, args.out)
    cases = []
    for name, (files, jsons) in CASES.items():
        case, tokenizer = golden(name, args.out, files, jsons)
        cases.append(case)
        if args.dump:
            (args.dump / f"{name}.json").write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    (args.out / "goldens.json").write_text(
        '{"texts":' + json.dumps(texts(), separators=(",", ":")) + ',\n"cases":[\n' + lines + "\n]}\n",
        encoding="utf-8")


if __name__ == "__main__":
    main()

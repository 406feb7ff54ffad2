#!/usr/bin/env python3
"""Small tokenizers of every component that tokenizer.json knows, each compared with the reference like the real ones.

    tests/parity/tokenizer_components.py --binary build/dev/src/cli/mlx-serving --count 200

The files are trained and written by the reference itself, then varied: `--keep DIR` leaves them for a look.
"""
import argparse
import base64
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_parity import SKIPPED, compare  # noqa: E402,F401
from tokenizer_strings import PHRASES, Strings  # noqa: E402

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

SPECIALS = ["<unk>", "<s>", "</s>", "[CLS]", "[SEP]", "<pad>"]
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def patterns():
    """Everything a family pattern can be made of, and some that need a general engine."""
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    contraction = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    prefix = r"[^\r\n\p{L}\p{N}]?"
    tail = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    other = r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    marks = r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    return [
        GPT2,
        contraction + "|" + prefix + r"\p{L}+|\p{N}{1,3}" + other + tail,
        contraction + "|" + prefix + r"\p{L}+|\p{N}" + other + tail,
        contraction + "|" + prefix + r"[\p{L}\p{M}]+|\p{N}" + marks + tail,
        prefix + upper + "*" + lower + "+" + contraction + "?|" + prefix + upper + "+" + lower + "*" + contraction
        + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + tail,
        prefix + upper + "*" + lower + "+|" + prefix + upper + "+" + lower + r"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + tail,
        r"\p{N}{1,3}", r"\p{N}", "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
        "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
        r"(?=(\d{3})+(?!\d))", r"\d{1,3}(?=(?:\d{3})*\b)", r"\b", r"\w+|[^\w\s]+", r"[\p{Han}]+|[^\p{Han}]+?", r"\W",
        r"[[:digit:]]+x?", r"[a-z&&[^aeiou]]+", r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}+", r"\s+$", r"^\s+", "(?i:the|hello)",
        r"[^\S\n]+", r"\p{Ll}+\P{Ll}", r"[\D]", r"\p{Lu}\p{Uppercase_Letter}*", r"\O{1,3}", r"\N+", r"[^\s\w]+", r"[[:punct:]]|[[:^punct:]]", r"[\w'-]+|[:,]+",
    ]


def charsmap():
    """A compiled replacement table as SentencePiece writes it."""
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        corpus = pathlib.Path(folder) / "corpus.txt"
        corpus.write_text("\n".join(PHRASES).replace("\0", "") * 20)
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=folder + "/m", vocab_size=300, normalization_rule_name="nmt_nfkc_cf",
            minloglevel=9, hard_vocab_limit=False)
        from sentencepiece import sentencepiece_model_pb2 as pb
        model = pb.ModelProto()
        model.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
        return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def corpus():
    strings = Strings(7, SPECIALS)
    return [strings.words() for _ in range(400)] + [strings.code_block() for _ in range(200)]


def trained(model, trainer, pre_tokenizer=None, normalizer=None):
    tokenizer = Tokenizer(model)
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(corpus(), trainer)
    return json.loads(tokenizer.to_str())


def as_json(component):
    return json.loads(component.__getstate__())


def bases():
    """Name and trained file of each kind of model."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    quiet = dict(show_progress=False, special_tokens=SPECIALS)
    yield "bpe_bytes", trained(models.BPE(), trainers.BpeTrainer(vocab_size=700, initial_alphabet=byte_level.alphabet(), **quiet), byte_level)
    yield "bpe_chars", trained(models.BPE(unk_token="<unk>"), trainers.BpeTrainer(vocab_size=500, limit_alphabet=80, **quiet), pre_tokenizers.Whitespace())
    yield "bpe_affixes", trained(
        models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"),
        trainers.BpeTrainer(vocab_size=600, limit_alphabet=80, continuing_subword_prefix="##", end_of_word_suffix="</w>", **quiet),
        pre_tokenizers.WhitespaceSplit())
    yield "unigram", trained(models.Unigram(), trainers.UnigramTrainer(vocab_size=400, unk_token="<unk>", **quiet), pre_tokenizers.Metaspace())
    yield "word_piece", trained(models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=500, limit_alphabet=90, **quiet), pre_tokenizers.BertPreTokenizer())
    yield "word_level", trained(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=300, **quiet), pre_tokenizers.Whitespace())


def with_bytes(file):
    """Adds <0x00> to <0xFF>, as byte fallback needs them."""
    model = file["model"]
    for byte in range(256):
        token = f"<0x{byte:02X}>"
        if isinstance(model["vocab"], list):
            model["vocab"].append([token, -20.0])
        else:
            model["vocab"].setdefault(token, max(model["vocab"].values()) + 1)
    model["byte_fallback"] = True


def varied(file, **changes):
    out = json.loads(json.dumps(file))
    for key, value in changes.items():
        if key == "edit":
            value(out)
        elif key in ("fuse_unk", "ignore_merges", "byte_fallback", "unk_token", "max_input_chars_per_word"):
            out["model"][key] = value
        else:
            out[key] = value
    return out


def added(content, **flags):
    defaults = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return dict(id=0, content=content, **{**defaults, **flags})


ADDED = [
    added("the", single_word=True), added("don't", normalized=True), added("Hello", normalized=True, special=True), added("<tool>", special=True, lstrip=True),
    added("<ask>", rstrip=True), added("<<", lstrip=True, rstrip=True), added("café", normalized=True), added("\n\n"), added("= ", normalized=True),
    added("[MASK]", lstrip=True, special=True), added("<ta"), added("ﬁ", normalized=True), added("é"),
    added("   ", lstrip=True, rstrip=True),
]


def all_normalizers(map64):
    n = normalizers
    simple = [n.NFC(), n.NFD(), n.NFKC(), n.NFKD(), n.Lowercase(), n.Strip(), n.Strip(left=True, right=False), n.Strip(left=False, right=True),
              n.StripAccents(), n.Nmt(), n.Replace(" ", "▁"), n.Replace(Regex(r"\s{2,}"), " "), n.Replace(Regex("[aeiou]"), ""), n.Replace("a", "bcd"),
              n.Prepend("▁"), n.ByteLevel(), n.BertNormalizer(), n.BertNormalizer(lowercase=False), n.BertNormalizer(strip_accents=True, lowercase=False),
              n.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False),
              n.Sequence([n.NFD(), n.StripAccents(), n.Lowercase()]), n.Sequence([]), n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁")]),
              n.Sequence([n.Nmt(), n.NFKC(), n.Replace(Regex(" {2,}"), " ")])]
    for one in simple:
        yield as_json(one)
    yield {"type": "Precompiled", "precompiled_charsmap": map64}
    yield {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": map64}, as_json(n.Lowercase())]}


def all_pre_tokenizers():
    p = pre_tokenizers
    for behavior in BEHAVIORS:
        yield as_json(p.Punctuation(behavior))
        for invert in (False, True):
            yield as_json(p.Split(" ", behavior, invert))
            yield as_json(p.Split(Regex(r"\s+"), behavior, invert))
            yield as_json(p.Split(Regex(r"\p{N}{1,3}"), behavior, invert))
    for pattern in patterns():
        yield as_json(p.Split(Regex(pattern), "isolated"))
    for scheme in ("always", "first", "never"):
        for split in (True, False):
            yield as_json(p.Metaspace(prepend_scheme=scheme, split=split))
    for one in [p.ByteLevel(), p.ByteLevel(add_prefix_space=False, use_regex=False), p.ByteLevel(add_prefix_space=True, use_regex=False), p.Whitespace(),
                p.WhitespaceSplit(), p.BertPreTokenizer(), p.Digits(), p.Digits(individual_digits=True), p.CharDelimiterSplit("e"),
                p.UnicodeScripts(), p.FixedLength(3), p.Sequence([]), p.Sequence([p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)]),
                p.Sequence([p.WhitespaceSplit(), p.Punctuation(), p.Metaspace()]), p.Sequence([p.ByteLevel(), p.Split(Regex("Ġ+"), "isolated")]),
                p.Sequence([p.UnicodeScripts(), p.Metaspace(prepend_scheme="first")])]:
        yield as_json(one)


def all_decoders():
    d = decoders
    spm = [d.Replace("▁", " "), d.ByteFallback(), d.Fuse()]
    for one in [d.ByteLevel(), d.WordPiece(), d.WordPiece(prefix="", cleanup=False), d.BPEDecoder(), d.Metaspace(), d.Metaspace(prepend_scheme="never"), d.CTC(),
                d.CTC(pad_token="e", cleanup=False), d.Fuse(), d.ByteFallback(), d.Replace("e", "EE"), d.Replace(Regex("[a-f]+"), "_"), d.Strip("a", 1, 0),
                d.Sequence(spm), d.Sequence([*spm, d.Strip(" ", 1, 0)]), d.Sequence([*spm, d.Strip(" ", 2, 0)]), d.Sequence([]),
                d.Sequence([d.Fuse(), d.Replace("th", "x")]), d.Sequence([d.ByteLevel(), d.Metaspace()]), d.Sequence([d.BPEDecoder(), d.Fuse(), d.ByteFallback()]),
                d.Sequence([d.WordPiece(), d.CTC()]), d.BPEDecoder(suffix=""), d.CTC(word_delimiter_token=""), d.Sequence([d.ByteFallback(), d.CTC()]),
                d.Sequence([d.Fuse(), d.ByteLevel()])]:
        yield as_json(one)


def all_post_processors():
    p = processors
    bos = p.TemplateProcessing("<s> $A", "<s> $A <s> $B:1", special_tokens=[{"id": "<s>", "ids": [1, 5], "tokens": ["<s>", "<pad>"]}])
    template = p.TemplateProcessing("<s> $A </s> </s>", "<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 1), ("</s>", 2)])
    for one in [template, p.ByteLevel(trim_offsets=True), p.ByteLevel(trim_offsets=False), p.BertProcessing(("[SEP]", 4), ("[CLS]", 3)),
                p.RobertaProcessing(("</s>", 2), ("<s>", 1)), p.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=True, add_prefix_space=False),
                p.Sequence([p.ByteLevel(trim_offsets=True), template]), p.Sequence([template, p.ByteLevel(trim_offsets=True)]),
                p.Sequence([template, p.BertProcessing(("[SEP]", 4), ("[CLS]", 3))]), p.Sequence([bos, p.RobertaProcessing(("</s>", 2), ("<s>", 1))]),
                p.Sequence([bos, template]), bos]:
        yield as_json(one)


def files():
    map64 = charsmap()
    base = dict(bases())
    for name, file in base.items():
        yield name, file
        yield name + "_added", varied(file, added_tokens=file["added_tokens"] + ADDED)
        yield name + "_bytes", varied(file, edit=with_bytes)
        yield name + "_raw", varied(file, pre_tokenizer=None)
    for flags in (dict(fuse_unk=True), dict(ignore_merges=True), dict(unk_token=None), dict(fuse_unk=True, pre_tokenizer=None), dict(unk_token=None, pre_tokenizer=None)):
        for name in ("bpe_bytes", "bpe_chars", "bpe_affixes"):
            yield f"{name}_{'_'.join(flags)}", varied(base[name], **flags)
    yield "bpe_spm", varied(base["bpe_chars"], edit=with_bytes, fuse_unk=True, pre_tokenizer=None, normalizer=as_json(normalizers.Replace(" ", "▁")))
    yield "word_piece_short", varied(base["word_piece"], max_input_chars_per_word=5)
    for number, normalizer in enumerate(all_normalizers(map64)):
        for name in ("bpe_bytes", "unigram", "bpe_chars"):
            yield f"normalizer_{number}_{name}", varied(base[name], normalizer=normalizer)
        yield f"normalizer_{number}_added", varied(base["bpe_chars"], normalizer=normalizer, added_tokens=base["bpe_chars"]["added_tokens"] + ADDED)
    for number, pre_tokenizer in enumerate(all_pre_tokenizers()):
        for name in ("bpe_chars", "unigram"):
            yield f"pre_tokenizer_{number}_{name}", varied(base[name], pre_tokenizer=pre_tokenizer)
        both = {"type": "Sequence", "pretokenizers": [pre_tokenizer, as_json(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))]}
        yield f"pre_tokenizer_{number}_bytes", varied(base["bpe_bytes"], pre_tokenizer=both)
    for number, decoder in enumerate(all_decoders()):
        for name in ("bpe_bytes", "bpe_affixes", "word_piece"):
            yield f"decoder_{number}_{name}", varied(base[name], edit=with_bytes if name != "word_piece" else lambda file: None, decoder=decoder)
    for number, post_processor in enumerate(all_post_processors()):
        for name in ("bpe_bytes", "unigram", "word_piece"):
            yield f"post_processor_{number}_{name}", varied(base[name], post_processor=post_processor)
        yield f"post_processor_{number}_unigram_bytes", varied(base["unigram"], edit=with_bytes, post_processor=post_processor)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--count", type=int, default=100, help="cases for each tokenizer")
    parser.add_argument("--seed", type=int, default=20260726)
    parser.add_argument("--only", default="", help="part of the names of tokenizers")
    parser.add_argument("--show", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.keep or pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        total = [0, 0, 0]
        for name, file in files():
            if arguments.only not in name:
                continue
            path = folder / f"{name}.json"
            path.write_text(json.dumps(file))
            done, wrong = compare(arguments.binary, path, arguments.count, arguments.seed + total[0], arguments.show)
            total = [total[0] + 1, total[1] + done, total[2] + wrong]
            if wrong:
                print(f"{name}: {wrong} of {done} differ", flush=True)
    print(f"{total[0]} tokenizers, {total[1]} cases, {total[2]} differ (seed {arguments.seed})")
    sys.exit(1 if total[2] else 0)


if __name__ == "__main__":
    main()

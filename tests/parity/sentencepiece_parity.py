#!/usr/bin/env python3
"""Compares SentencePiece models, trained here, with the sentencepiece library: ids of every text, and decoded ids.

    tests/parity/sentencepiece_parity.py --binary build/dev/src/cli/mlx-serving --count 400
"""
import argparse
import itertools
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_parity import answers  # noqa: E402
from tokenizer_strings import Strings  # noqa: E402

import sentencepiece  # noqa: E402


def train(folder, name, **options):
    strings = Strings(11, ["<s>"])
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(strings.words().replace("\0", "").replace("\n", " ") for _ in range(1500)), encoding="utf-8")
    defaults = dict(vocab_size=600, character_coverage=0.995, minloglevel=9, hard_vocab_limit=False)
    sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(folder / name), **{**defaults, **options})
    return folder / f"{name}.model"


def models(folder):
    """Both algorithms with every setting of the normaliser that changes ids."""
    for kind, fallback, rule in itertools.product(["bpe", "unigram"], [False, True], ["identity", "nmt_nfkc", "nmt_nfkc_cf"]):
        yield train(folder, f"{kind}_{rule}_{fallback}", model_type=kind, byte_fallback=fallback, normalization_rule_name=rule)
    for kind in ("bpe", "unigram"):
        yield train(folder, f"{kind}_llama", model_type=kind, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                    split_digits=True)
        yield train(folder, f"{kind}_gemma", model_type=kind, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                    add_dummy_prefix=False, user_defined_symbols=["<start>", "<h1>", "\t"])


def compare(binary, path, count, seed, show):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    strings = Strings(seed, ["<start>", "<h1>", "\t\t", "<starter>"])
    controls = [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if processor.is_control(i) or processor.is_unknown(i)]
    texts = []
    while len(texts) < count:
        text = strings.one()
        # Where a text spells a control piece we find it, the library never does; it ends a text at a NUL.
        if text and "\0" not in text and not any(control in text for control in controls):
            texts.append(text)
    wrong = 0
    for text, got in zip(texts, answers(binary, path, [{"k": i, "s": text} for i, text in enumerate(texts)])):
        want = processor.encode(text)
        plain = [i for i in want if not processor.is_unknown(i)]
        decoded_differs = len(plain) == len(want) and "\ufffd" not in text and got.get("dec") != processor.decode(want)
        if got.get("ids") != want or decoded_differs:
            wrong += 1
            if wrong <= show:
                print(f"{path.name}: {json.dumps(text)[:300]}\n  want {want[:60]} {json.dumps(processor.decode(want))[:200]}\n"
                      f"  got  {got.get('ids', got)[:60]} {json.dumps(got.get('dec'))[:200]}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--count", type=int, default=400, help="texts for each model")
    parser.add_argument("--seed", type=int, default=20260726)
    parser.add_argument("--show", type=int, default=1)
    arguments = parser.parse_args()
    wrong = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in models(pathlib.Path(folder)):
            differ = compare(arguments.binary, path, arguments.count, arguments.seed, arguments.show)
            if differ:
                print(f"{path.name}: {differ} of {arguments.count} differ", flush=True)
            wrong += differ
            total += 1
    print(f"{total} SentencePiece models, {total * arguments.count} texts, {wrong} differ (seed {arguments.seed})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

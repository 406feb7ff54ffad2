#!/usr/bin/env python3
"""Puts real tokenizers into GGUF metadata as llama.cpp's converters do, lets `mlx-serving convert` make tokenizer.json of
it, and compares that file with the one it began with, both in PyPI `tokenizers`: the same ids for every string.

    tests/parity/gguf_tokenizer_parity.py --binary build/dev/src/cli/mlx-serving --count 500

Takes what scripts/fetch-tokenizers has brought; exit code 77 when there is none of it.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_strings import Strings  # noqa: E402

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import Tokenizer  # noqa: E402

SKIPPED = 77  # as ctest knows it
ROOT = pathlib.Path(__file__).parent.parent.parent
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
PRE = {"llama3_1": "llama-bpe", "qwen3": "qwen2", "deepseek_v3": "deepseek-v3", "gptoss": "gpt-4o"}


def token_lists(original, is_spm):
    """Texts and kinds by id; ids nobody has become [PADn]."""
    vocab = original["model"]["vocab"]
    added = {token["id"]: token for token in original["added_tokens"]}
    texts = {id: text for text, id in vocab.items()} | {id: token["content"] for id, token in added.items()}
    size = max(texts) + 1 + 5
    kinds = []
    for id in range(size):
        if id not in texts:
            kinds.append(UNUSED)
            texts[id] = f"[PAD{id}]"
        elif is_spm and texts[id] == "<unk>":
            kinds.append(UNKNOWN)
        elif id in added:
            kinds.append(CONTROL if added[id]["special"] else USER_DEFINED)
        elif is_spm and len(texts[id]) == 6 and texts[id].startswith("<0x"):
            kinds.append(BYTE)
        else:
            kinds.append(NORMAL)
    return [texts[id] for id in range(size)], kinds


def add_spm(writer, original, texts, kinds):
    """Scores that put tokens in the order in which merges make them; pieces with spaces as GGUF has them."""
    rank = {}
    for index, pair in enumerate(original["model"]["merges"]):
        rank.setdefault("".join(pair), index)
    writer.add_tokenizer_model("llama")
    writer.add_token_scores([float(-rank[t]) if t in rank else -1e6 for t in texts])
    writer.add_add_space_prefix(False)
    writer.add_bos_token_id(texts.index("<bos>"))
    return [t.replace("\u2581", " ") if k == USER_DEFINED else t for t, k in zip(texts, kinds)]


def add_byte_level(writer, original, name):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE[name])
    writer.add_token_merges([" ".join(p) if isinstance(p, list) else p for p in original["model"]["merges"]])
    if name == "llama3_1":
        writer.add_bos_token_id(128000)


def write_gguf(path, original, name):
    is_spm = name == "gemma3"
    texts, kinds = token_lists(original, is_spm)
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in [("block_count", 1), ("context_length", 8), ("embedding_length", 8), ("feed_forward_length", 8),
                       ("head_count", 2)]:
        getattr(writer, f"add_{key}")(value)
    writer.add_layer_norm_rms_eps(1e-5)
    if is_spm:
        texts = add_spm(writer, original, texts, kinds)
    else:
        add_byte_level(writer, original, name)
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_tensor("token_embd.weight", np.zeros((4, 8), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(8, np.float32))
    writer.add_tensor("blk.0.attn_norm.weight", np.zeros(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(path):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def differences(original, converted, strings, add_special_tokens):
    for text in strings:
        want = original.encode(text, add_special_tokens=add_special_tokens).ids
        got = converted.encode(text, add_special_tokens=add_special_tokens).ids
        if want != got:
            yield text, want, got, original.decode(want, False), converted.decode(want, False)
        elif original.decode(want, False) != converted.decode(want, False):
            yield text, want, got, original.decode(want, False), converted.decode(want, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", default=[*PRE, "gemma3"])
    arguments = parser.parse_args()
    failed = compared = 0
    for name in arguments.names:
        source = ROOT / "build" / "tokenizers" / name / "tokenizer.json"
        if not source.exists():
            print(f"{name}: skipped, {source} is absent (scripts/fetch-tokenizers)")
            continue
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            write_gguf(work / "model.gguf", json.loads(source.read_text()), name)
            subprocess.run([arguments.binary, "convert", work / "model.gguf", work / "out", "--quiet"], check=True,
                           stdout=subprocess.DEVNULL)
            original, converted = load(source), load(work / "out" / "tokenizer.json")
        specials = [token.content for token in original.get_added_tokens_decoder().values()]
        generator = Strings(arguments.seed, specials)
        strings = [generator.one() for _ in range(arguments.count)]
        found = [d for s in (False, True) for d in differences(original, converted, strings, s)]
        for text, want, got, want_text, got_text in found[:2]:
            print(f"  {text!r}\n    ids {want[:20]} / {got[:20]}\n    text {want_text[:60]!r} / {got_text[:60]!r}")
        print(f"{name}: {arguments.count} strings, {len(found)} differ", flush=True)
        failed += bool(found)
        compared += 1
    return 1 if failed else (0 if compared else SKIPPED)


if __name__ == "__main__":
    sys.exit(main())

"""Gives a GGUF file that has no vocabulary a made-up one, which llama.cpp's server wants even of prompts in token ids.

    gguf_with_words.py MODEL.gguf OUT.gguf

Reads files as bench/peers/synthetic_models.py writes them: metadata of strings, u32 and f32.
"""
import pathlib
import shutil
import struct
import sys

STRING, U32, I32, ARRAY = 8, 4, 5, 9


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def array(kind, items):
    return struct.pack("<IQ", kind, len(items)) + b"".join(items)


def read_string(file):
    return file.read(struct.unpack("<Q", file.read(8))[0]).decode()


def read_metadata(file, count):
    for _ in range(count):
        key, kind = read_string(file), struct.unpack("<I", file.read(4))[0]
        value = string(read_string(file)) if kind == STRING else file.read(4)
        yield key, struct.pack("<I", kind) + value


def words(count):
    """Tokens of a byte-level vocabulary: the bytes as GPT-2 spells them, an end, and words nobody uses."""
    printable = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    others = [b for b in range(256) if b not in printable]
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))] + ["<end>"]
    return tokens + [f"word{i}" for i in range(len(tokens), count)]


def vocabulary(count):
    tokens = words(count)
    types = [3 if token == "<end>" else 1 for token in tokens]  # control, normal
    yield "tokenizer.ggml.model", struct.pack("<I", STRING) + string("gpt2")
    yield "tokenizer.ggml.pre", struct.pack("<I", STRING) + string("default")
    yield "tokenizer.ggml.tokens", struct.pack("<I", ARRAY) + array(STRING, [string(t) for t in tokens])
    yield "tokenizer.ggml.token_type", struct.pack("<I", ARRAY) + array(I32, [struct.pack("<i", t) for t in types])
    yield "tokenizer.ggml.merges", struct.pack("<I", ARRAY) + array(STRING, [string("a b")])
    for name in ("bos", "eos"):
        yield f"tokenizer.ggml.{name}_token_id", struct.pack("<II", U32, tokens.index("<end>"))


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    with open(source, "rb") as file:
        magic, version, tensors, count = struct.unpack("<4sIQQ", file.read(24))
        metadata = dict(read_metadata(file, count))
        size = struct.unpack("<I", metadata["llama.vocab_size"][4:])[0]
        metadata.update(vocabulary(size))
        begin = file.tell()
        for _ in range(tensors):
            read_string(file)
            file.seek(8 * struct.unpack("<I", file.read(4))[0] + 12, 1)
        end = file.tell()
        file.seek(begin)
        header = struct.pack("<4sIQQ", magic, version, tensors, len(metadata))
        header += b"".join(string(key) + value for key, value in metadata.items()) + file.read(end - begin)
        file.seek((end + 31) // 32 * 32)
        partial = out.with_suffix(".partial")
        with open(partial, "wb") as copy:
            copy.write(header + bytes(-len(header) % 32))
            shutil.copyfileobj(file, copy, 1 << 24)
    partial.rename(out)


if __name__ == "__main__":
    main()

"""Models of known shapes with random weights, as MLX directories (affine 4 bits, groups of 64, bf16 scales) and as GGUF
files (Q4_0; Q4_K_M, the mixture that llama.cpp makes of it). Speed depends on shapes and formats, not on values: random
codes repeat every few megabytes, with one scale of the size real weights have.

    synthetic_models.py DIRECTORY {llama-1b,smollm2-135m}...
"""
import json
import pathlib
import struct
import sys

import numpy as np

SHAPES = {  # of Llama-3.2-1B and SmolLM2-135M
    "llama-1b": dict(layers=16, hidden=2048, inner=8192, heads=32, kv_heads=8, head_dim=64, vocab=128256, theta=500000.0),
    "smollm2-135m": dict(layers=30, hidden=576, inner=1536, heads=9, kv_heads=3, head_dim=64, vocab=49152, theta=100000.0),
}
CONTEXT = 8192
random = np.random.default_rng(1)


def matrices(s):
    """(MLX name, GGUF name, rows, columns) of every matrix; the embedding is the head too."""
    yield "model.embed_tokens", "token_embd", s["vocab"], s["hidden"]
    q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    for i in range(s["layers"]):
        layer, block = f"model.layers.{i}.", f"blk.{i}."
        yield layer + "self_attn.q_proj", block + "attn_q", q, s["hidden"]
        yield layer + "self_attn.k_proj", block + "attn_k", kv, s["hidden"]
        yield layer + "self_attn.v_proj", block + "attn_v", kv, s["hidden"]
        yield layer + "self_attn.o_proj", block + "attn_output", s["hidden"], q
        yield layer + "mlp.gate_proj", block + "ffn_gate", s["inner"], s["hidden"]
        yield layer + "mlp.up_proj", block + "ffn_up", s["inner"], s["hidden"]
        yield layer + "mlp.down_proj", block + "ffn_down", s["hidden"], s["inner"]


def norms(s):
    for i in range(s["layers"]):
        yield f"model.layers.{i}.input_layernorm", f"blk.{i}.attn_norm"
        yield f"model.layers.{i}.post_attention_layernorm", f"blk.{i}.ffn_norm"
    yield "model.norm", "output_norm"


def repeated(tile, size):
    """`size` bytes of the rows of `tile`, again and again."""
    flat = tile.reshape(-1)
    for at in range(0, size, flat.size):
        yield flat[: min(flat.size, size - at)]


def random_blocks(count, fields):
    """`count` blocks of named parts: bytes of a constant, or a number of random bytes."""
    parts = []
    for field in fields:
        if isinstance(field, int):
            parts.append(random.integers(0, 256, (count, field), dtype=np.uint8))
        else:
            parts.append(np.tile(np.frombuffer(field, np.uint8), (count, 1)))
    return np.concatenate(parts, axis=1)


def f16(x):
    return np.float16(x).tobytes()


def bf16(x):
    return struct.pack("<H", struct.unpack("<I", struct.pack("<f", x))[0] >> 16)


# ggml's block formats: elements and bytes of a block, number of the type, and a tile of blocks. Scales make weights of a
# deviation of about 0.02.
BLOCKS = {
    "Q4_0": (32, 18, 2, random_blocks(1 << 16, [f16(0.0043), 16])),
    "Q4_K": (256, 144, 12, random_blocks(1 << 13, [f16(0.00015), f16(0.0011), b"\x20" * 12, 128])),
    "Q6_K": (256, 210, 14, random_blocks(1 << 13, [128, 64, b"\x20" * 16, f16(0.000034)])),
}


def tensor_type(name, mixture, layers):
    """Which format a matrix has; Q4_K_M keeps the head, and values and down projections of half the layers, in six bits."""
    if mixture == "Q4_0":
        return "Q4_0"
    if name == "token_embd":
        return "Q6_K"
    if not name.endswith(("attn_v", "ffn_down")):
        return "Q4_K"
    i = int(name.split(".")[1])
    return "Q6_K" if i < layers // 8 or i >= 7 * layers // 8 or (i - layers // 8) % 3 == 2 else "Q4_K"


def write_gguf(path, s, mixture):
    def string(text):
        return struct.pack("<Q", len(text)) + text.encode()

    def entry(key, kind, value):
        code = {"string": 8, "u32": 4, "f32": 6}[kind]
        body = string(value) if kind == "string" else struct.pack("<I" if kind == "u32" else "<f", value)
        return string(key) + struct.pack("<I", code) + body

    metadata = [entry("general.architecture", "string", "llama"),
                entry("llama.block_count", "u32", s["layers"]),
                entry("llama.context_length", "u32", CONTEXT),
                entry("llama.embedding_length", "u32", s["hidden"]),
                entry("llama.feed_forward_length", "u32", s["inner"]),
                entry("llama.attention.head_count", "u32", s["heads"]),
                entry("llama.attention.head_count_kv", "u32", s["kv_heads"]),
                entry("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5),
                entry("llama.rope.freq_base", "f32", s["theta"]),
                entry("llama.rope.dimension_count", "u32", s["head_dim"]),
                entry("llama.vocab_size", "u32", s["vocab"]),
                entry("tokenizer.ggml.model", "string", "no_vocab")]
    tensors = []  # name, dimensions (columns first), type, chunks, bytes
    for _, name, rows, columns in matrices(s):
        elements, size, code, tile = BLOCKS[tensor_type(name, mixture, s["layers"])]
        total = rows * columns // elements * size
        tensors.append((name, [columns, rows], code, repeated(tile, total), total))
    ones = np.ones(s["hidden"], np.float32).view(np.uint8)
    tensors += [(name, [s["hidden"]], 0, [ones], ones.size) for _, name in norms(s)]

    header, offset = b"".join(metadata), 0
    for name, dimensions, code, _, size in tensors:
        header += string(name + ".weight") + struct.pack("<I", len(dimensions))
        header += struct.pack(f"<{len(dimensions)}QIQ", *dimensions, code, offset)
        offset += (size + 31) // 32 * 32
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + header
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % 32))
        for *_, chunks, size in tensors:
            for chunk in chunks:
                file.write(chunk)
            file.write(bytes(-size % 32))


def write_mlx(path, s):
    path.mkdir(parents=True, exist_ok=True)
    codes = random.integers(0, 256, 1 << 22, dtype=np.uint8)
    scale = np.tile(np.frombuffer(bf16(0.0043), np.uint8), 1 << 18)
    bias = np.tile(np.frombuffer(bf16(-0.0043 * 7.5), np.uint8), 1 << 18)
    one = np.tile(np.frombuffer(bf16(1.0), np.uint8), s["hidden"])
    header, data, offset = {}, [], 0

    def add(name, dtype, shape, tile, size):
        nonlocal offset
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        data.append((tile, size))
        offset += size

    for name, _, rows, columns in matrices(s):
        add(name + ".weight", "U32", [rows, columns // 8], codes, rows * columns // 2)
        add(name + ".scales", "BF16", [rows, columns // 64], scale, rows * columns // 32)
        add(name + ".biases", "BF16", [rows, columns // 64], bias, rows * columns // 32)
    for name, _ in norms(s):
        add(name + ".weight", "BF16", [s["hidden"]], one, one.size)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tile, size in data:
            for chunk in repeated(tile, size):
                file.write(chunk)
    write_config(path, s)
    write_tokenizer(path)


def write_config(path, s):
    config = {"model_type": "llama", "hidden_size": s["hidden"], "intermediate_size": s["inner"],
              "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"], "num_key_value_heads": s["kv_heads"],
              "head_dim": s["head_dim"], "vocab_size": s["vocab"], "max_position_embeddings": CONTEXT,
              "rms_norm_eps": 1e-5, "rope_theta": s["theta"], "tie_word_embeddings": True, "eos_token_id": 256,
              "quantization": {"group_size": 64, "bits": 4}}
    (path / "config.json").write_text(json.dumps(config, indent=1))


def write_tokenizer(path):
    """Bytes and an end: the engine wants a tokenizer, the benchmark sends token ids."""
    printable = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    others = [b for b in range(256) if b not in printable]
    vocab = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    end = {"id": 256, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
           "special": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": []}
    (path / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model}))
    (path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))


def make(directory, name):
    """Writes what is missing; gives the paths by format."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {"mlx": directory / f"{name}-4bit"}
    if not (paths["mlx"] / "tokenizer.json").exists():
        write_mlx(paths["mlx"], SHAPES[name])
    for mixture in ("Q4_0", "Q4_K_M") if name == "llama-1b" else ("Q4_0",):
        paths[mixture] = directory / f"{name}-{mixture}.gguf"
        if not paths[mixture].exists():
            partial = paths[mixture].with_suffix(".partial")
            write_gguf(partial, SHAPES[name], mixture)
            partial.rename(paths[mixture])
    return paths


if __name__ == "__main__":
    for model in sys.argv[2:]:
        print(make(sys.argv[1], model))

"""Writes small random GGUF models, and says what their tensors are under the names of the checkpoint."""
import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, MLP, VOCAB = 256, 4, 2, 64, 512, 96
LAYERS = {"gemma3": 6}  # mlx-lm wants a whole period of its windows; 2 elsewhere
TYPES = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K, Type.Q4_K,
         Type.Q5_K, Type.Q6_K]
# Where the f16 scales of a block stand: other bytes may be anything.
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
          Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}


def random_tensor(rng, shape, kind):
    """The bytes of a tensor and its values."""
    if kind in (Type.F32, Type.F16, Type.BF16):
        values = rng.standard_normal(shape).astype(np.float32) * 0.05
        data = gguf.quants.quantize(values, kind)
        return data, gguf.quants.dequantize(data, kind).reshape(shape)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (shape[0], shape[1] // block, size), dtype=np.uint8)
    for at in HALVES[kind]:
        scale = (rng.standard_normal(data.shape[:2]) * 0.01).astype(np.float16)
        data[:, :, at:at + 2] = scale[..., None].view(np.uint8)
    data = data.reshape(shape[0], -1)
    return data, gguf.quants.dequantize(data, kind)


def interleave(rows, heads):
    """Rotary halves to pairs: what converters do to llama's q and k."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def layer_tensors(architecture):
    """GGUF stem, checkpoint stem, shape."""
    q, kv = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    rows = [("attn_output", "self_attn.o_proj", (HIDDEN, q)), ("ffn_down", "mlp.down_proj", (HIDDEN, MLP))]
    if architecture == "phi3":
        rows += [("attn_qkv", "self_attn.qkv_proj", (q + 2 * kv, HIDDEN)), ("ffn_up", "mlp.gate_up_proj", (2 * MLP, HIDDEN))]
    else:
        rows += [("attn_q", "self_attn.q_proj", (q, HIDDEN)), ("attn_k", "self_attn.k_proj", (kv, HIDDEN)),
                 ("attn_v", "self_attn.v_proj", (kv, HIDDEN)), ("ffn_gate", "mlp.gate_proj", (MLP, HIDDEN)),
                 ("ffn_up", "mlp.up_proj", (MLP, HIDDEN))]
    rows.append(("attn_norm", "input_layernorm", (HIDDEN,)))
    if architecture == "gemma3":
        rows += [("post_attention_norm", "post_attention_layernorm", (HIDDEN,)), ("ffn_norm", "pre_feedforward_layernorm", (HIDDEN,)),
                 ("post_ffw_norm", "post_feedforward_layernorm", (HIDDEN,))]
    else:
        rows.append(("ffn_norm", "post_attention_layernorm", (HIDDEN,)))
    if architecture in ("qwen3", "gemma3"):
        rows += [("attn_q_norm", "self_attn.q_norm", (HEAD_DIM,)), ("attn_k_norm", "self_attn.k_norm", (HEAD_DIM,))]
    return rows


def add_tokenizer(writer):
    """The least byte-level BPE: the 256 bytes would do, these are fewer."""
    tokens = [chr(c) for c in range(33, 33 + VOCAB - 3)] + ["ab", "<|end|>", "\u0120"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (VOCAB - 2) + [3, 1])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(VOCAB - 2)


def write_model(path, architecture, kind, tied=True, seed=0):
    """A model whose matrices have the type `kind`. Returns checkpoint name -> (type, values)."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    layers = LAYERS.get(architecture, 2)
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(MLP)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    if architecture == "gemma3":
        writer.add_sliding_window(64)
    add_tokenizer(writer)
    expected = {}

    def add(stem, name, shape, kind=kind):
        if len(shape) == 1:
            values = rng.standard_normal(shape).astype(np.float32)
            writer.add_tensor(stem, values)
            expected[name] = (Type.F32, values - np.float32(1) if architecture == "gemma3" and "norm" in stem else values)
            return
        data, values = random_tensor(rng, shape, kind)
        if architecture == "llama" and ("attn_q." in stem or "attn_k." in stem):
            heads = HEADS if "attn_q." in stem else KV_HEADS
            data = interleave(data, heads)
        writer.add_tensor(stem, data, raw_dtype=kind)
        expected[name] = (kind, values)

    add("token_embd.weight", "model.embed_tokens.weight", (VOCAB, HIDDEN))
    add("output_norm.weight", "model.norm.weight", (HIDDEN,))
    if not tied:
        add("output.weight", "lm_head.weight", (VOCAB, HIDDEN))
    for layer in range(layers):
        for stem, name, shape in layer_tensors(architecture):
            add(f"blk.{layer}.{stem}.weight", f"model.layers.{layer}.{name}.weight", shape)
        if architecture == "qwen2":
            for stem, name, width in [("q", "q", HEADS), ("k", "k", KV_HEADS), ("v", "v", KV_HEADS)]:
                add(f"blk.{layer}.attn_{stem}.bias", f"model.layers.{layer}.self_attn.{name}_proj.bias", (width * HEAD_DIM,))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected

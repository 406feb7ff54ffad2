"""Runs llama.cpp's library for peers.py: the same commands on standard input, the same answers, as model_speed.

    llama_cpp.py LIBRARY_DIRECTORY MODEL.gguf THREADS

The structs are those of the release in the npm package that peers.py fetches; only the head that is written here is
named, and its defaults are checked, so that another release is refused rather than misread.
"""
import ctypes as c
import json
import pathlib
import sys
import time

CONTEXT = 4608
SEQUENCES_MAX = 8
SEQUENCE_CONTEXT = 256  # of each of several


class ModelParams(c.Structure):
    _fields_ = [("rest", c.c_uint8 * 256)]


class ContextParams(c.Structure):
    _fields_ = [("n_ctx", c.c_uint32), ("n_batch", c.c_uint32), ("n_ubatch", c.c_uint32), ("n_seq_max", c.c_uint32),
                ("more", c.c_uint32 * 3), ("n_threads", c.c_int32), ("n_threads_batch", c.c_int32),
                ("rest", c.c_uint8 * 256)]


class Batch(c.Structure):
    _fields_ = [("n_tokens", c.c_int32), ("token", c.POINTER(c.c_int32)), ("embd", c.POINTER(c.c_float)),
                ("pos", c.POINTER(c.c_int32)), ("n_seq_id", c.POINTER(c.c_int32)),
                ("seq_id", c.POINTER(c.POINTER(c.c_int32))), ("logits", c.POINTER(c.c_int8))]


LOG = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)
quiet = LOG(lambda *_: None)


def load_library(directory):
    ggml = c.CDLL(str(next(directory.glob("libggml.v*.so"))), mode=c.RTLD_GLOBAL)
    llama = c.CDLL(str(next(directory.glob("libllama.v*.so"))))
    llama.llama_log_set(quiet, None)
    ggml.ggml_backend_load_all_from_path(str(directory).encode())
    llama.llama_model_default_params.restype = ModelParams
    llama.llama_context_default_params.restype = ContextParams
    llama.llama_model_load_from_file.argtypes = [c.c_char_p, ModelParams]
    llama.llama_model_load_from_file.restype = c.c_void_p
    llama.llama_init_from_model.argtypes = [c.c_void_p, ContextParams]
    llama.llama_init_from_model.restype = c.c_void_p
    llama.llama_decode.argtypes = [c.c_void_p, Batch]
    llama.llama_batch_init.argtypes = [c.c_int32, c.c_int32, c.c_int32]
    llama.llama_batch_init.restype = Batch
    llama.llama_get_memory.argtypes = [c.c_void_p]
    llama.llama_get_memory.restype = c.c_void_p
    llama.llama_memory_seq_rm.argtypes = [c.c_void_p, c.c_int32, c.c_int32, c.c_int32]
    llama.llama_print_system_info.restype = c.c_char_p
    d = llama.llama_context_default_params()
    if (d.n_ctx, d.n_batch, d.n_ubatch, d.n_seq_max, d.n_threads) != (512, 2048, 512, 1, 4):
        sys.exit(f"llama_cpp.py: {directory} is another release of llama.cpp than the one this file was written for")
    return llama


class Context:
    """A context of `sequences` sequences of at most `length` tokens, and how many each holds."""

    def __init__(self, llama, model, threads, sequences, length):
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_seq_max = sequences * length, sequences
        params.n_threads = params.n_threads_batch = threads
        self.llama = llama
        self.context = llama.llama_init_from_model(model, params)
        if not self.context:
            sys.exit("llama_cpp.py: llama.cpp made no context")
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(512, 0, 1)
        self.filled = [0] * sequences

    def run(self, rows):
        """rows: (sequence, position, wants logits)."""
        self.batch.n_tokens = len(rows)
        for i, (sequence, position, logits) in enumerate(rows):
            self.batch.token[i] = 1000 + (position * 7919 + sequence) % 30000
            self.batch.pos[i] = position
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = sequence
            self.batch.logits[i] = logits
        begin = time.perf_counter()
        if self.llama.llama_decode(self.context, self.batch) != 0:
            sys.exit("llama_cpp.py: llama_decode failed")
        self.llama.llama_synchronize(c.c_void_p(self.context))
        return time.perf_counter() - begin

    def keep(self, sequence, tokens):
        self.llama.llama_memory_seq_rm(self.memory, sequence, tokens, -1)
        self.filled[sequence] = min(self.filled[sequence], tokens)

    def prefill(self, tokens):
        self.keep(0, 0)
        seconds = sum(self.run([(0, p, p == tokens - 1) for p in range(begin, min(begin + 512, tokens))])
                      for begin in range(0, tokens, 512))
        self.filled[0] = tokens
        return seconds

    def decode(self, context, steps):
        for sequence, filled in enumerate(self.filled):
            if filled < context:
                for begin in range(filled, context, 512):
                    self.run([(sequence, p, 0) for p in range(begin, min(begin + 512, context))])
                self.filled[sequence] = context
            self.keep(sequence, context)
        seconds = [self.run([(s, context + i, 1) for s in range(len(self.filled))]) for i in range(steps)]
        for sequence in range(len(self.filled)):
            self.keep(sequence, context)
        return seconds


def main():
    directory, path, threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    llama = load_library(directory)
    begin = time.perf_counter()
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        sys.exit(f"llama_cpp.py: llama.cpp could not load {path}")
    contexts = {}

    def context(sequences):
        if sequences not in contexts:
            length = CONTEXT if sequences == 1 else SEQUENCE_CONTEXT
            contexts[sequences] = Context(llama, model, threads, sequences, length)
        return contexts[sequences]

    print(json.dumps({"ready": True, "load_seconds": time.perf_counter() - begin,
                      "system": llama.llama_print_system_info().decode()}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "prefill":
            answer = {"seconds": context(1).prefill(command["tokens"])}
        else:
            answer = {"step_seconds": context(command["sequences"]).decode(command["context"], command["steps"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

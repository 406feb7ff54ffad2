"""Judges xgrammar and llguidance on the schemas that grammar_bench judges, the same way: mask and accept for each token,
stop at the first refusal, the text may end at its end. Writes one JSON object a line in grammar_bench's form and prints
the table. Each engine runs on one thread; a schema that takes longer than --timeout counts as a time-out.

    python3 -m venv build/peers && build/peers/bin/pip install numpy tokenizers llguidance==1.9.1
    build/peers/bin/pip install --no-deps xgrammar==0.2.8 apache-tvm-ffi && build/peers/bin/pip install typing-extensions pydantic
    build/peers/bin/python bench/grammar/peers.py --engine llguidance --data FILE --tokenizer TOKENIZER_JSON --out OUT
"""
import argparse
import json
import multiprocessing
import sys
import time
import types


def stub_torch():
    """xgrammar imports torch and transformers for types only; masks go through numpy here."""
    try:
        import transformers  # noqa: F401
    except ImportError:
        transformers = types.ModuleType("transformers")
        for name in ("PreTrainedTokenizerBase", "PreTrainedTokenizerFast", "LogitsProcessor"):
            setattr(transformers, name, type(name, (), {}))
        sys.modules["transformers"] = transformers
    try:
        import torch  # noqa: F401
    except ImportError:
        import tvm_ffi  # noqa: F401  # asks for torch too, and does without
        torch = types.ModuleType("torch")
        torch.Tensor = type("Tensor", (), {})
        torch.dtype = torch.device = type("dtype", (), {})
        torch.FloatTensor = torch.LongTensor = torch.Tensor
        torch.int32 = "int32"
        torch.tensor = lambda *_, **__: None
        torch.Size = tuple
        sys.modules["torch"] = torch


class LlGuidance:
    def __init__(self, path):
        import llguidance
        from tokenizers import Tokenizer

        self.lib = llguidance
        self.hf = Tokenizer.from_file(path)
        ends = [self.hf.token_to_id(t) for t in ("<|eot_id|>", "<end_of_turn>", "<eos>", "<|im_end|>", "</s>")]
        self.end = next(e for e in ends if e is not None)
        self.tokenizer = llguidance.LLTokenizer(path, eos_token=self.end)
        import numpy

        self.words = (self.tokenizer.vocab_size + 31) // 32
        self.mask = numpy.zeros((1, self.words), dtype=numpy.int32)

    def compile(self, schema):
        grammar = self.lib.LLMatcher.grammar_from_json_schema(
            schema, overrides={"whitespace_flexible": True})
        matcher = self.lib.LLMatcher(self.tokenizer, grammar, log_level=0)
        if matcher.get_error():
            raise ValueError(matcher.get_error())
        return matcher

    def start(self, compiled):
        return compiled.deep_copy()

    def fill(self, matcher):
        matcher.unsafe_compute_mask_ptr(self.mask.ctypes.data, self.words * 4)

    def has(self, token):
        return bool((int(self.mask[0, token >> 5]) >> (token & 31)) & 1)

    def accept(self, matcher, token):
        return matcher.consume_token(token)

    def complete(self, matcher):
        return matcher.is_accepting()


class XGrammar:
    def __init__(self, path):
        stub_torch()
        import xgrammar
        from tokenizers import Tokenizer

        self.lib = xgrammar
        self.hf = Tokenizer.from_file(path)
        ends = [self.hf.token_to_id(t) for t in ("<|eot_id|>", "<end_of_turn>", "<eos>", "<|im_end|>", "</s>")]
        self.end = next(e for e in ends if e is not None)
        vocabulary = [""] * self.hf.get_vocab_size()
        for token, index in self.hf.get_vocab().items():
            vocabulary[index] = token
        kind = xgrammar.VocabType.BYTE_LEVEL if "\u0120" in "".join(vocabulary[:2000]) else xgrammar.VocabType.BYTE_FALLBACK
        info = xgrammar.TokenizerInfo(vocabulary, kind, stop_token_ids=[self.end])
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        import numpy

        self.words = (len(vocabulary) + 31) // 32
        self.mask = numpy.zeros((1, self.words), dtype=numpy.int32)

    def compile(self, schema):
        return self.compiler.compile_json_schema(schema, any_whitespace=True, strict_mode=False)

    def start(self, compiled):
        return self.lib.GrammarMatcher(compiled)

    def fill(self, matcher):
        matcher.fill_next_token_bitmask(self.mask, 0)

    def has(self, token):
        return bool((int(self.mask[0, token >> 5]) >> (token & 31)) & 1)

    def accept(self, matcher, token):
        return matcher.accept_token(token)

    def complete(self, matcher):
        self.fill(matcher)
        return self.has(self.end)


ENGINES = {"llguidance": LlGuidance, "xgrammar": XGrammar}


def judge(engine, record):
    start = time.process_time()
    result = {"id": record["id"], "outcome": "ok", "reason": "", "compile_us": 0, "tests": [], "mask_us": []}
    try:
        compiled = engine.compile(record["schema"])
        engine.fill(engine.start(compiled))
    except Exception as error:
        result.update(outcome="declined", reason=str(error)[:300])
        return result
    result["compile_us"] = (time.process_time() - start) * 1e6
    for test in record["tests"]:
        matcher = engine.start(compiled)
        accepted = True
        for token in engine.hf.encode(test["s"], add_special_tokens=False).ids:
            before = time.perf_counter()
            engine.fill(matcher)
            accepted = engine.has(token) and engine.accept(matcher, token)
            result["mask_us"].append(round((time.perf_counter() - before) * 1e6, 2))
            if not accepted:
                break
        result["tests"].append(bool(accepted and engine.complete(matcher)))
    return result


def work(name, tokenizer, pipe):
    engine = ENGINES[name](tokenizer)
    pipe.send(None)
    while (record := pipe.recv()) is not None:
        pipe.send(judge(engine, record))


class Worker:
    def __init__(self, arguments):
        self.arguments = arguments
        self.pipe, child = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=work, args=(arguments.engine, arguments.tokenizer, child), daemon=True)
        self.process.start()
        child.close()
        self.pipe.recv()

    def judge(self, record):
        failed = {"id": record["id"], "reason": "", "compile_us": 0, "tests": [], "mask_us": []}
        try:
            self.pipe.send(record)
            if self.pipe.poll(self.arguments.timeout):
                return self.pipe.recv(), True
            outcome = "timeout"
        except (EOFError, BrokenPipeError):
            outcome = "crash"
        self.process.kill()
        return {**failed, "outcome": outcome}, False


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def spread(values):
    values = sorted(values)
    average = sum(values) / max(len(values), 1)
    return " ".join([f"avg {average:.1f}"] + [f"{name} {percentile(values, share):.1f}" for name, share in
                                              (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))] +
                    [f"max {values[-1] if values else 0:.0f} us (n={len(values)})"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=20)
    arguments = parser.parse_args()
    records = [json.loads(line) for line in open(arguments.data, encoding="utf-8")][:: arguments.stride]
    worker = Worker(arguments)
    outcomes, right, widened, narrowed, compile_us, mask_us = {}, 0, 0, 0, [], []
    with open(arguments.out, "w", encoding="utf-8") as out:
        for record in records:
            result, alive = worker.judge(record)
            if not alive:
                worker = Worker(arguments)
            out.write(json.dumps(result) + "\n")
            outcomes[result["outcome"]] = outcomes.get(result["outcome"], 0) + 1
            if result["outcome"] != "ok":
                continue
            pairs = list(zip(record["tests"], result["tests"]))
            widened += any(got and not test["v"] for test, got in pairs)
            narrowed += any(test["v"] and not got for test, got in pairs)
            right += all(test["v"] == got for test, got in pairs)
            compile_us.append(result["compile_us"])
            mask_us += result["mask_us"]
    print(f"{arguments.engine}: {len(records)} schemas, {outcomes}")
    print(f"all tests right       {right} ({100 * right / len(records):.2f} %)")
    print(f"invalid accepted      {widened} schemas")
    print(f"valid refused         {narrowed} schemas")
    print(f"compile to first mask {spread(compile_us)}")
    print(f"mask + accept         {spread(mask_us)}")


if __name__ == "__main__":
    main()

"""Our kernels beside llama.cpp and the machine's limits: the same shapes, the same threads, taking turns in one run.

    make bench-peers                            everything, about ten minutes
    bench/peers/peers.py [PART...]              some of: gemm decode context mixture small prefill batch engine stock
    bench/peers/peers.py --report               the table of what the last runs left in build/peers/results.json

Models are made with random weights of the shapes of Llama-3.2-1B and SmolLM2-135M (synthetic_models.py). llama.cpp is the
prebuilt library of the npm package @node-llama-cpp/linux-x64, fetched into build/peers; it chooses its kernels for this
machine itself. Ratios are medians over rounds in which both take turns. A bar is for a kind of machine: Intel with AMX, or
AMD, there by whether its two cores share a third-level cache (near) or not (far), told by the time a core takes to answer
another. Newer AMD generations are held to the bars of Zen 4.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import types

import synthetic_models

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/peers"
PACKAGE = "@node-llama-cpp/linux-x64@3.22.1"
LLAMA = WORK / "npm/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"
NEAR_SECONDS = 200e-9  # of fork and join; about 100 ns in one complex, 330 to 560 across
OTHERS_SHARE_MAX = 0.04  # of the processor, for a round to count

# Row: what, unit of ours and of the peer, and bars and aims by kind of machine. A share is of the limit beside it.
KINDS = ("intel-amx", "amd-far", "amd-near")
ROWS = {
    "1b-bandwidth": ("1B decode, weight + KV bytes / read bandwidth", "GB/s", ((0.85, 0.92), (0.83, 0.90), (0.88, 0.93))),
    "1b-0": ("1B decode, context 0, / llama.cpp Q4_0", "tok/s", ((1.15, 1.2), (1.45, 1.6), (0.93, 1.0))),
    "1b-512": ("1B decode, context 512, / llama.cpp Q4_0", "tok/s", ((1.35, 1.45), (1.65, 1.85), (1.08, 1.17))),
    "1b-4096": ("1B decode, context 4,096, / llama.cpp Q4_0", "tok/s", ((1.5, 2.0), (2.3, 2.8), (1.5, 1.75))),
    "1b-q4_k_m": ("1B decode, context 0, / llama.cpp Q4_K_M", "tok/s", ((2.0, 2.3), (1.65, 1.85), (1.05, 1.15))),
    "135m-0": ("135M decode, context 0, / llama.cpp Q4_0", "tok/s", ((1.4, 1.8), (1.8, 2.2), (1.4, 1.7))),
    "135m-512": ("135M decode, context 512, / llama.cpp Q4_0", "tok/s", ((2.0, 2.5), (2.4, 3.0), (1.8, 2.3))),
    "gemm-amx": ("prefill GEMM, 4 bits, / bf16 AMX peak", "GFLOP/s", ((0.40, 0.55), None, None)),
    "gemm-15bit": ("prefill GEMM, 4 bits, 15-bit, / vpdpbusd peak / 2", "GFLOP/s", (None, (0.80, 0.88), (0.80, 0.88))),
    "gemm-int8": ("prefill GEMM, 4 bits, fast mode, / vpdpbusd peak", "GFLOP/s", (None, (0.68, 0.77), (0.68, 0.77))),
    "gemm-bf16": ("prefill GEMM, bf16 weights, / vdpbf16ps peak", "GFLOP/s", (None, (0.86, 0.93), (0.86, 0.93))),
    "prefill": ("1B prefill of 512, / llama.cpp Q4_0", "tok/s", ((3.5, 4.5), (1.35, 1.5), (1.35, 1.5))),
    "prefill-peak": ("1B prefill of 512, / bf16 AMX peak", "GFLOP/s", ((0.30, 0.40), None, None)),
    "prefill-fast": ("1B prefill of 512, fast mode, / llama.cpp Q4_0", "tok/s", (None, (2.1, 2.5), (2.1, 2.5))),
    "batch": ("1B, 8 sequences decoding, / llama.cpp Q4_0", "tok/s", ((1.7, 2.1), (1.25, 1.7), (1.25, 1.7))),
    "batch-fast": ("1B, 8 sequences decoding, fast mode, / llama.cpp Q4_0", "tok/s", (None, (2.1, 2.6), (2.1, 2.6))),
    "outside-1b": ("CPU outside kernels in a step, 1B", "%", ((2, 0.5),) * 3),
    "outside-135m": ("CPU outside kernels in a step, 135M", "%", ((5, 2),) * 3),
    "load-map": ("1B load to first token of 16, warm page cache, mapped", "s", ((0.3, 0.1), (0.3, None), (0.3, None))),
    "load-copy": ("1B load to first token of 16, warm page cache, copied", "s", (None, (1, None), (1, None))),
    "stock-1b": ("1B decode, / stock MLX on CPU, f32 activations and scales", "tok/s", (None,) * 3),
    "stock-135m": ("135M decode, / stock MLX on CPU, f32 activations and scales", "tok/s", (None,) * 3),
}
LESS_IS_BETTER = ("%", "s")


def say(text):
    print(text, file=sys.stderr, flush=True)


def fetch_llama():
    if not list(LLAMA.glob("libllama.v*.so")):
        say(f"fetching {PACKAGE}")
        (WORK / "npm").mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "i", "--silent", "--omit=optional", "--ignore-scripts", "--prefix", WORK / "npm",
                        "node-llama-cpp@3.22.1", PACKAGE], check=True)


class Peer:
    """A process that answers commands, JSON lines both ways."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hello = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"peers: {self.process.args[0]} ended early, see above")
        return json.loads(line)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Watch:
    """What the machine is and who else uses it."""

    def __init__(self, args):
        self.process = Peer([args.binary, "machine", "--threads", args.threads])
        self.machine = self.process.hello

    def look(self):
        self.machine = self.process.ask()
        return self.machine

    @contextlib.contextmanager
    def others(self):
        """How much of the processor went to others than this program and its children while the block ran."""
        others = types.SimpleNamespace(share=0.0)
        begin, busy, mine = time.monotonic(), busy_seconds(), tree_seconds()
        yield others
        foreign = (busy_seconds() - busy) - (tree_seconds() - mine)
        others.share = foreign / ((time.monotonic() - begin) * os.cpu_count())


def busy_seconds():
    """Of all cores, what a hypervisor gave to other guests too."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def tree_seconds():
    """Of this process, its children, and its children's that ended."""
    total = sum(os.times()[:4])
    for child in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        try:
            fields = pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(x) for x in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


class Bench:
    def __init__(self, args):
        self.args = args
        self.binary = args.binary
        self.results = json.loads(args.results.read_text()) if args.results.exists() else {}
        self.models = {}
        self.watch = Watch(args)

    # Peers

    def model(self, name):
        if name not in self.models:
            self.models[name] = synthetic_models.make(WORK, name)
        return self.models[name]

    def ours(self, name, *options):
        return Peer([self.binary, "run", self.model(name)["mlx"], "--threads", self.args.threads, *options])

    def theirs(self, name, mixture="Q4_0"):
        fetch_llama()
        script = pathlib.Path(__file__).with_name("llama_cpp.py")
        return Peer([sys.executable, script, LLAMA, self.model(name)[mixture], self.args.threads])

    # Results

    def keep(self, row, ours, other, ratio, machine, **more):
        self.results[row] = {"ours": ours, "other": other, "ratio": ratio, "machine": machine,
                             "date": datetime.date.today().isoformat(), **more}
        self.args.results.parent.mkdir(parents=True, exist_ok=True)
        self.args.results.write_text(json.dumps(self.results, indent=1))
        beside = f" beside {other:.4g}" if other is not None else ""
        say(f"  {row}: {ours:.4g}{beside}, ratio {ratio:.3f}, {kind_of(machine) or 'other'}, {more.get('rounds', '')}")

    def rounds(self, measure):
        """(what `measure` gave, machine) by round: rounds on a quiet machine whose placement stayed, all of the placement
        that was met most often. The first round warms up."""
        measure()
        good, noisy, moved = [], 0, 0
        before = self.watch.look()
        for _ in range(3 * self.args.rounds):
            if len(good) == self.args.rounds:
                break
            with self.watch.others() as others:
                result = measure()
            after = self.watch.look()
            if kind_of(before) != kind_of(after):
                moved += 1
            elif others.share > OTHERS_SHARE_MAX:
                noisy += 1
            else:
                good.append((result, after))
            before = after
        if not good:
            sys.exit("peers: no quiet round: other processes use this machine, or its cores move too often")
        kinds = [kind_of(machine) for _, machine in good]
        kind = max(set(kinds), key=kinds.count)
        chosen = [pair for pair, k in zip(good, kinds) if k == kind]
        return chosen, f"{len(chosen)} rounds, {len(good) - len(chosen) + moved} moved, {noisy} noisy"

    def compare(self, row, ours, theirs, command, tokens):
        """Both take turns at `command`. Gives (our tokens a second, machine) by round."""

        def rate(peer):
            answer = peer.ask(**command)
            seconds = answer["seconds"] if "seconds" in answer else statistics.median(answer["step_seconds"])
            return tokens / seconds

        rounds, note = self.rounds(lambda: (rate(ours), rate(theirs)))
        rates = [result for result, _ in rounds]
        self.keep(row, statistics.median(a for a, _ in rates), statistics.median(b for _, b in rates),
                  statistics.median(a / b for a, b in rates), rounds[0][1], rounds=note)
        return [(a, machine) for (a, _), machine in rounds]

    def decode(self, row, ours, theirs, context, sequences=1, steps=16):
        command = dict(do="decode", context=context, sequences=sequences, steps=steps)
        return self.compare(row, ours, theirs, command, sequences)

    def share(self, row, ours, limits, machine, **more):
        """Ours and limits by round, operations or bytes a second."""
        self.keep(row, statistics.median(ours) / 1e9, statistics.median(limits) / 1e9,
                  statistics.median(a / b for a, b in zip(ours, limits)), machine, **more)

    # Parts

    def part_gemm(self):
        def measure():
            text = subprocess.run([self.binary, "gemm", "--threads", str(self.args.threads)], check=True,
                                  capture_output=True, text=True).stdout
            return json.loads(text)

        rounds, note = self.rounds(measure)
        peaks = self.watch.machine["multiply_peaks"]

        def worst(row, numerics, weights, peak):
            """The slowest of the shapes."""
            mine = [[r for r in rows if (r["numerics"], r["weights"]) == (numerics, weights)] for rows, _ in rounds]
            self.share(row, [min(r["operations_per_second"] for r in rows) for rows in mine], [peak] * len(mine),
                       rounds[0][1], kernel=mine[0][0]["kernel"], rounds=note)

        if "bf16 amx" in peaks:
            worst("gemm-amx", "default", "4-bit g64", peaks["bf16 amx"])
        elif "int8 vpdpbusd" in peaks:
            worst("gemm-15bit", "default", "4-bit g64", peaks["int8 vpdpbusd"] / 2)
            worst("gemm-int8", "fast", "4-bit g64", peaks["int8 vpdpbusd"])
            if "bf16 vdpbf16ps" in peaks:
                worst("gemm-bf16", "default", "bf16", peaks["bf16 vdpbf16ps"])

    def part_decode(self):
        ours, theirs = self.ours("llama-1b"), self.theirs("llama-1b")
        steps = 16
        rates = self.decode("1b-0", ours, theirs, 0, steps=steps)
        bytes_token = ours.hello["decode_bytes"] + steps / 2 * ours.hello["kv_bytes_token"]
        self.share("1b-bandwidth", [rate * bytes_token for rate, _ in rates],
                   [machine["read_bytes_per_second"] for _, machine in rates], rates[0][1])
        self.decode("1b-512", ours, theirs, 512)
        ours.close(), theirs.close()

    def part_context(self):
        ours, theirs = self.ours("llama-1b"), self.theirs("llama-1b")
        self.decode("1b-4096", ours, theirs, 4096, steps=8)
        ours.close(), theirs.close()

    def part_mixture(self):
        ours, theirs = self.ours("llama-1b"), self.theirs("llama-1b", "Q4_K_M")
        self.decode("1b-q4_k_m", ours, theirs, 0)
        ours.close(), theirs.close()

    def part_small(self):
        ours, theirs = self.ours("smollm2-135m"), self.theirs("smollm2-135m")
        self.decode("135m-0", ours, theirs, 0, steps=64)
        self.decode("135m-512", ours, theirs, 512, steps=64)
        ours.close(), theirs.close()

    def part_prefill(self):
        theirs = self.theirs("llama-1b")
        amx = self.watch.machine["multiply_peaks"].get("bf16 amx")
        for row, numerics in (("prefill", "default"), ("prefill-fast", "fast")):
            if amx and row == "prefill-fast":
                continue
            ours = self.ours("llama-1b", "--numerics", numerics)
            rates = self.compare(row, ours, theirs, dict(do="prefill", tokens=512), 512)
            if amx:
                self.share("prefill-peak", [rate * 2 * ours.hello["layer_parameters"] for rate, _ in rates],
                           [amx] * len(rates), rates[0][1])
            ours.close()
        theirs.close()

    def part_batch(self):
        theirs = self.theirs("llama-1b")
        for row, numerics in (("batch", "default"), ("batch-fast", "fast")):
            ours = self.ours("llama-1b", "--numerics", numerics)
            self.decode(row, ours, theirs, 0, sequences=8, steps=8)
            ours.close()
        theirs.close()

    def load(self, name, *options):
        text = subprocess.run([self.binary, "load", self.model(name)["mlx"], "--threads", str(self.args.threads), *options],
                              check=True, capture_output=True, text=True).stdout
        return json.loads(text)

    def alone(self, row, measure):
        """A figure without a peer."""
        rounds, note = self.rounds(measure)
        value = statistics.median(result for result, _ in rounds)
        self.keep(row, value, None, value, rounds[0][1], rounds=note)

    def part_engine(self):
        for name, short in (("llama-1b", "1b"), ("smollm2-135m", "135m")):
            self.alone(f"outside-{short}", lambda: 100 * self.load(name)["outside_share"])
        for weights in ("map", "copy"):
            options = ("--new-tokens", "2", "--weights", weights)
            self.alone(f"load-{weights}", lambda: self.load("llama-1b", *options)["first_token_seconds"])

    def part_stock(self):
        script = pathlib.Path(__file__).with_name("stock_mlx.py")
        for name, short in (("llama-1b", "1b"), ("smollm2-135m", "135m")):
            text = subprocess.run([sys.executable, script, self.model(name)["mlx"]], check=True, capture_output=True,
                                  text=True).stdout
            theirs = json.loads(text)["tokens_per_second"]
            run = self.load(name, "--new-tokens", "32")
            ours = run["decode_tokens"] / run["decode_seconds"]
            self.keep(f"stock-{short}", ours, theirs, ours / theirs, self.watch.look())


# The report


def cpu():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    flags = fields.get("flags", "").split()
    isa = [f for f in ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
           if f in flags]
    family = int(fields.get("cpu family", 0))
    amd = {25: "Zen 3 or 4", 26: "Zen 5"}.get(family, "")
    return {"vendor": fields.get("vendor_id", "unknown"), "family": family, "model": int(fields.get("model", 0)),
            "generation": amd if fields.get("vendor_id") == "AuthenticAMD" else "", "isa": isa, "cores": os.cpu_count()}


def kind_of(machine):
    """Which column of bars; None: a machine the bars were not made for."""
    if "bf16 amx" in machine["multiply_peaks"]:
        return "intel-amx"
    if cpu()["vendor"] != "AuthenticAMD":
        return None
    return "amd-near" if machine["fork_join_seconds"] < NEAR_SECONDS else "amd-far"


def verdict(unit, ratio, bars):
    if bars is None:
        return "-", "-", "for information"
    bar, aim = bars
    good = (lambda limit: ratio <= limit) if unit in LESS_IS_BETTER else (lambda limit: ratio >= limit)
    reached = "aim reached" if aim is not None and good(aim) else "met" if good(bar) else "MISSED"
    return f"{bar:g}", "-" if aim is None else f"{aim:g}", reached


def report(results):
    c = cpu()
    print(f"{c['vendor']} family {c['family']} model {c['model']} {c['generation']}, {c['cores']} cores, {' '.join(c['isa'])}")
    if c["generation"] == "Zen 5":
        print("The bars are those measured on Zen 4 in the same placement.")
    machines = {json.dumps(r["machine"], sort_keys=True): r["machine"] for r in results.values()}.values()
    reads = [m["read_bytes_per_second"] / 1e9 for m in machines]
    print(f"reads {min(reads):.1f}-{max(reads):.1f} GB/s with {next(iter(machines))['threads']} threads, 2 MiB pages, "
          f"{'/'.join(sorted({str(m['read_streams']) for m in machines}))} streams each; "
          + "; ".join(f"{unit} {statistics.median(m['multiply_peaks'][unit] for m in machines) / 1e9:.0f} G/s"
                      for unit in next(iter(machines))["multiply_peaks"]) + "; fork and join "
          + "-".join(f"{f(m['fork_join_seconds'] for m in machines) * 1e9:.0f}" for f in (min, max)) + " ns\n")
    table = [("work", "ours", "beside", "ratio", "bar", "aim", "", "placement")]
    for row, (title, unit, bars) in ROWS.items():
        if row not in results:
            table.append((title, "-", "-", "-", "-", "-", "not measured", "-"))
            continue
        r = results[row]
        kind = kind_of(r["machine"])
        bar, aim, reached = verdict(unit, r["ratio"], bars[KINDS.index(kind)] if kind else None)
        other = f"{r['other']:.4g} {unit}" if r["other"] is not None else ""
        ratio = "" if unit in LESS_IS_BETTER else f"{r['ratio']:.2f}"
        kernel = f" ({r['kernel']})" if "kernel" in r else ""
        table.append((title + kernel, f"{r['ours']:.4g} {unit}", other, ratio, bar, aim, reached, kind or "other"))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for i, line in enumerate(table):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
        if i == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def main():
    parts = [name[5:] for name in vars(Bench) if name.startswith("part_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {' '.join(parts)}; default all")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "build/release/bench/model_speed")
    parser.add_argument("--results", type=pathlib.Path, default=WORK / "results.json")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="of both peers (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer (default %(default)s)")
    parser.add_argument("--report", action="store_true", help="measure nothing, print the table")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of the table")
    args = parser.parse_args()
    for part in args.parts:
        if part not in parts:
            parser.error(f"no part '{part}'; there are: {' '.join(parts)}")
    bench = Bench(args)
    for part in [] if args.report else args.parts or parts:
        say(part)
        getattr(bench, "part_" + part)()
    if not bench.results:
        sys.exit("peers: nothing measured yet")
    print(json.dumps({"cpu": cpu(), "rows": bench.results}, indent=1)) if args.json else report(bench.results)


if __name__ == "__main__":
    main()

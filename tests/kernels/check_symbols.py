"""Fails when a kernel object offers the linker anything but its table: an inline function compiled for AVX-512 would be a
weak symbol that may replace the same function in every other file, and stop an older CPU."""
import re
import subprocess
import sys

faults = []
for path in sys.argv[1:]:
    if not re.search(r"(scalar|neon|neon_dot|avx2|avx512|avx512_bf16|avx512_rows|avx512_panels|amx|amx_model)\.cpp\.o(bj)?$", path):
        continue
    for line in subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, name = line[17:18], line[19:]
        table = re.fullmatch(r"mlxserving::kernels::(k(Scalar|Neon|NeonDot|Avx2|AvxVnni|Avx512|Avx512Bf16|Avx512Panels|AmxBf16|AmxModelBf16)|avx512_rows\(.*\))", name)
        if kind in "WVuvw" or (kind.isupper() and kind != "U" and not table):
            faults.append(f"{path}: {kind} {name}")
print("\n".join(faults) or "kernel files export their tables only")
sys.exit(1 if faults else 0)

"""Fails when a folder of src/ includes another that its row does not name (docs/architecture.md, "Layers")."""
import pathlib
import re
import sys

# What a folder may include besides itself and the public headers.
ALLOWED = {
    "core": [],
    "kernels": ["core"],
    "format": ["core", "kernels"],
    "schema": ["core"],
    "text": ["core"],
    "grammar": ["core", "text"],
    "sampling": ["core"],
    "scheduler": ["core"],
    "hub": ["core", "kernels", "format", "text"],
    "nn": ["core", "kernels", "format"],
    "models": ["core", "format", "nn"],
    "engine": ["core", "format", "text", "grammar", "sampling", "scheduler", "kernels", "nn", "models"],
    "telemetry": ["core"],
    "config": ["core", "schema"],
    "net": ["core"],
    "api": ["core", "schema", "sampling", "telemetry", "config", "text", "net"],
    "cli": ["core", "format", "hub", "schema", "text", "grammar", "sampling", "engine", "kernels", "nn", "models", "telemetry",
            "config", "net", "api"],
}
MLX_FOLDERS = {"kernels", "nn", "models", "engine"}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.M)


def faults(root: pathlib.Path):
    for file in sorted((root / "src").rglob("*.*")):
        if file.suffix not in {".h", ".cpp", ".inl"}:
            continue
        folder = file.relative_to(root / "src").parts[0]
        if folder not in ALLOWED:
            yield f"{file}: folder {folder} has no row in {__file__}"
            continue
        for include in INCLUDE.findall(file.read_text()):
            top = include.split("/")[0]
            if top == "mlx" and folder not in MLX_FOLDERS:
                yield f"{file}: {folder} may not include MLX, found {include}"
            elif top in ALLOWED and "/" in include and top != folder and top not in ALLOWED[folder]:
                yield f"{file}: {folder} may include {ALLOWED[folder]}, found {include}"
    for file in sorted((root / "include").rglob("*.h")):
        for include in INCLUDE.findall(file.read_text()):
            if "/" in include and not include.startswith("mlxserving/"):
                yield f"{file}: a public header may include std and mlxserving/ only, found {include}"


found = list(faults(pathlib.Path(sys.argv[1])))
print("\n".join(found) or "layers hold")
sys.exit(1 if found else 0)

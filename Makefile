# What a newcomer types. Each target installs what it needs first (scripts/bootstrap) and takes seconds when nothing changed.
.PHONY: demo demo-client build test test-sanitized test-client test-long bench-peers bench-serve coverage lint format clean

MODEL := build/models/SmolLM2-135M-Instruct
BINARY := build/release/src/cli/mlx-serving

# A small real model answers a prompt.
demo: build
	scripts/fetch-demo-model $(BINARY)
	$(BINARY) run $(MODEL) "Why is the sky blue? Answer in two sentences." --temperature 0 --max-tokens 128

# The same model from Node: loaded, streamed, cancelled, tokenised (client/examples/smollm2.mjs).
demo-client: build
	scripts/bootstrap --node
	scripts/fetch-demo-model $(BINARY)
	scripts/demo-client $(BINARY) $(MODEL)

# The program: build/release/src/cli/mlx-serving
build:
	scripts/bootstrap
	@cmake --preset release --log-level=WARNING
	cmake --build --preset release --target mlx-serving

# Every test, as CI runs it.
test:
	scripts/bootstrap --tests
	cmake --preset dev
	cmake --build --preset dev
	scripts/fetch-demo-model build/dev/src/cli/mlx-serving
	ctest --preset dev -j2

# The same tests under the address, undefined-behaviour and thread sanitizers: two more builds.
test-sanitized:
	scripts/bootstrap --tests
	scripts/test-sanitized --all

# The npm package in client/ alone, its type declarations too.
test-client:
	scripts/bootstrap --node
	scripts/test-client

# How much of the code the tests reach: the folders of the compatible surface, and client/. One more build.
coverage:
	scripts/bootstrap --tests --coverage
	scripts/coverage

# Full differential and parity runs: hours.
test-long: test test-sanitized
	scripts/test-long

# Our speed beside llama.cpp's and the machine's limits: ten minutes on a quiet machine.
bench-peers:
	scripts/bootstrap --tests
	@cmake --preset release --log-level=WARNING
	cmake --build --preset release --target model_speed
	build/venv/bin/python bench/peers/peers.py

# The engine under 1 to 64 clients beside llama.cpp's server, which is built on first use: ten minutes, then two.
bench-serve:
	scripts/bootstrap --tests
	@cmake --preset release --log-level=WARNING
	cmake --build --preset release --target serve_bench
	bench/serve/run --quick

lint:
	scripts/bootstrap --lint
	scripts/lint

format:
	git ls-files '*.h' '*.cpp' | xargs clang-format-19 -i

clean:
	rm -rf build/dev build/release build/coverage build/asan build/tsan build/clang build/fuzz

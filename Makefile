# What a newcomer types. Each target installs what it needs first (scripts/bootstrap) and takes seconds when nothing changed.
.PHONY: demo test

test:
	scripts/bootstrap --tests
	cmake --preset dev
	cmake --build --preset dev
	ctest --preset dev -j2

# serve, test, check, bench: the README's commands. Each makes what it needs first (tools/prepare.py).
#   make serve ARGS="--dev"      make test PYTEST="-k tokens"      make bench BENCH=forward

PREPARE := python3 tools/prepare.py
PY := .venv/bin/python
CARGO := cargo --locked
# One profile for tests, clippy and the extension they use, so that dependencies are built once.
PROFILE := quick
PYTEST ?=
ARGS ?=
# Without a name, all there are.
BENCH ?= $(sort $(patsubst benches/%.py,%,$(shell grep -l '^if __name__' benches/*.py)))

.PHONY: help serve env test check fix bench wheel lock clean test-rust test-python test-web

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -3

serve:
	@$(PREPARE) --profile release env native web
	@exec .venv/bin/roomful serve $(ARGS)

env:
	@$(PREPARE) --any-profile --profile $(PROFILE) env native

test: test-rust test-python test-web

test-rust:
	$(CARGO) test --workspace --profile $(PROFILE)

test-python:
	@$(PREPARE) --any-profile --profile $(PROFILE) env native web browsers
	$(if $(PYTEST),$(PY) -m pytest $(PYTEST),tools/test.sh)

test-web:
	@$(PREPARE) modules
	cd web && npm test

check:
	@$(PREPARE) --any-profile --profile $(PROFILE) env modules
	$(PY) tools/check_source.py
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	PYTHONPATH=src .venv/bin/lint-imports
	.venv/bin/pyright
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets --profile $(PROFILE) -- -D warnings
	cd web && npm run check

fix:
	.venv/bin/ruff check --fix
	.venv/bin/ruff format
	$(PY) tools/reference.py
	cargo fmt --all

bench:
	@$(PREPARE) --profile release env native web
	@for bench in $(BENCH); do $(PY) -m benches.$$bench $(ARGS) || exit 1; done

wheel:
	@$(PREPARE) env
	$(PY) -m pip wheel --no-deps --wheel-dir dist .

lock:
	tools/lock.sh

clean:
	rm -rf .venv target web/dist web/node_modules src/roomful/web src/roomful/_native*.so dist

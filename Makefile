# Everything that is done with this checkout. `make help` lists it.
# It writes into the checkout and nowhere else: .venv, node_modules, target and what git ignores.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?= python3
export PYTHON

root := $(CURDIR)
venv := $(root)/.venv
python := $(venv)/bin/python

# One target folder and one profile for cargo, maturin and npm alike: each dependency is compiled once.
export CARGO_TARGET_DIR := $(root)/target
export PATH := $(venv)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export VIRTUAL_ENV := $(venv)

rust_members := core sandbox cli bridge
rust_sources := Cargo.toml Cargo.lock $(shell find $(rust_members) -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.json' -o -name '*.css' -o -name '*.js' -o -name '*.html' -o -name '*.svg' \) -not -path '*/tests/*')
python_sources := pyproject.toml README.md $(shell find bindings-python -type f -not -name '*.so' -not -path '*/__pycache__/*' -not -path '*/.*')
node_sources := package.json package-lock.json $(shell find bindings-node -type f -not -path '*/dist/*' -not -path '*/node_modules/*' -not -name '*.node' -not -path '*/.*')

# The gateway that breaks every rule, as a process for the tests of Python and Node.
fault_gateway := target/release/fault-gateway

.PHONY: help demo test test-rust test-python test-node pythons check fmt soak bench bench-quick bench-trail bench-program instructions peers fuzz package build clean prerequisites

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: build ## the whole sentence, once from Python and once from Node, against the embedded sandbox
	@$(python) demo/demo.py
	@node demo/demo.mjs

test: build ## every test: Rust, Python, Node
	@scripts/prerequisites test || echo 'the tests that need it will fail' >&2
	@failed=; \
	for language in rust python node; do \
		echo; echo "── $$language"; \
		$(MAKE) --no-print-directory test-$$language || failed="$$failed $$language"; \
	done; \
	if [ -n "$$failed" ]; then echo; echo "failed:$$failed" >&2; exit 1; fi

# The two binding crates have no tests of their own; they are named so that all members see the same features.
rust_tested := --release --workspace

# The tests of the wire are run over both ways that an invocation may take.
test-rust: | prerequisites
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run $(rust_tested) && cargo test $(rust_tested) --doc && \
		CXONE_ACTIONS_ONE_WAY=1 cargo nextest run $(rust_tested) -E 'package(cxone-actions-faults)'; \
	else \
		cargo test $(rust_tested) && CXONE_ACTIONS_ONE_WAY=1 cargo test $(rust_tested) --test '*'; \
	fi

# The OAuth server of its tests is a Node program.
test-python: $(venv)/.package $(fault_gateway) node_modules/.installed
	@$(python) -m pytest -o faulthandler_timeout=120 tests/python

pythons: $(venv)/.package ## the tests to which the interpreter matters, in every other Python of this machine
	@$(python) scripts/pythons.py

test-node: bindings-node/dist/index.js $(fault_gateway) tests/node/runners/node_modules/.installed
	@npm test --silent

check: build ## formatting, lints, types and documentation of all three languages
	@scripts/check

fmt: $(venv)/.tools node_modules/.installed ## format the sources
	@cargo fmt --all
	@$(python) -m ruff format .
	@$(python) -m ruff check --fix --quiet .

soak: build ## the longer proofs; prints figures, writes nothing (SOAK=10 multiplies them by ten)
	@$(python) scripts/soak
	@echo; echo "ten thousand invocations through a fault in every third exchange, with seeds of their own"
	@FAULT_SEED=$$(date +%s) cargo test --release --quiet --package cxone-actions-faults --test ten_thousand -- --nocapture
	@echo; echo "a batch whose processes are killed two hundred times, with seeds of its own"
	@CRASH_SEED=$$(date +%s) cargo test --release --quiet --package cxone-actions-faults --test killed -- --nocapture

$(fault_gateway): $(rust_sources) $(shell find tests/faults -type f -not -path 'tests/faults/tests/*') | prerequisites
	@cargo build --release --quiet --package cxone-actions-faults --bin fault-gateway
	@touch $@

# What other people would write instead, apart from the tools that a build needs.
compare = PYTHONPATH=tests/bench $(python) -m compare
peers_venv := target/bench/venv
peers_node := tests/bench/node/node_modules

bench: build bench-program $(peers_venv)/.installed $(peers_node)/.installed ## ours beside other clients, 16 minutes; writes docs/performance.md and its picture
	@$(compare) --write --json target/bench/figures.json

bench-quick: build bench-program $(peers_venv)/.installed $(peers_node)/.installed ## the same in two minutes, of six clients; prints tables, writes nothing
	@$(compare) --quick

bench-trail: bench-program ## what the trail costs: CPU of an invocation, invocations a second; prints figures, writes nothing
	@target/release/cxone-actions-bench cpu target/bench
	@target/release/cxone-actions-bench power target/bench
	@target/release/cxone-actions-bench append target/bench

# A figure that no other load on the machine moves, so that CI can hold it. It needs valgrind.
instructions: bench-program ## instructions of one invocation in the core, held to the recorded figure (RECORD=1 records it)
	@target/release/cxone-actions-bench instructions target/bench tests/bench/instructions.json $(if $(RECORD),--record)

# On the disk of this checkout: what a record costs depends on the disk that it is written to.
bench-program: | prerequisites
	@cargo build --release --quiet --package cxone-actions-bench
	@mkdir -p target/bench

$(peers_venv)/.installed: tests/bench/python/requirements.txt | prerequisites
	@echo "installing the Python clients to compare with into $(peers_venv)"
	@$(PYTHON) -m venv $(peers_venv) || $(PYTHON) -m virtualenv $(peers_venv)
	@$(peers_venv)/bin/python -m pip install --quiet --requirement tests/bench/python/requirements.txt
	@touch $@

$(peers_node)/.installed: tests/bench/node/package-lock.json | prerequisites
	@echo "installing the Node clients to compare with into $(peers_node)"
	@npm ci --prefix tests/bench/node --no-audit --no-fund --loglevel=error
	@touch $@

peers: build ## what other clients do in the cases of docs/reliability.md; prints a table, writes nothing
	@npm ci --prefix scripts/peers --no-audit --no-fund --loglevel=error
	@cargo build --release --quiet --locked --manifest-path scripts/peers/rust/Cargo.toml --target-dir target/peers
	@$(python) scripts/peers/measure.py

fuzz: ## every parser's law for a minute, on inputs that libFuzzer makes up (nightly Rust and cargo-fuzz)
	@scripts/fuzz

package: build ## wheel, sdist and npm packages, each installed into an empty place and put to work there
	@$(python) scripts/package.py

build: $(venv)/.package bindings-node/dist/index.js ## both packages, installed into folders of the checkout

clean: ## remove everything that was built
	rm -rf target .venv node_modules bindings-node/dist scripts/peers/node_modules tests/bench/node/node_modules tests/node/runners/node_modules

prerequisites:
	@scripts/prerequisites

# A stamp lies in the folder that it vouches for, so that removing the folder removes the stamp. A virtual environment
# that a failed run left half made is made again.
$(venv)/.tools: scripts/requirements.txt | prerequisites
	@$(python) -m pip --version >/dev/null 2>&1 || { rm -rf $(venv); $(PYTHON) -m venv $(venv) || $(PYTHON) -m virtualenv $(venv); }
	@echo "installing the Python tools into .venv"
	@$(python) -m pip install --quiet --requirement scripts/requirements.txt
	@touch $@

node_modules/.installed: package-lock.json | prerequisites
	@echo "installing the Node tools into node_modules"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The frameworks that only the tests need, apart from the tools that a build needs.
tests/node/runners/node_modules/.installed: tests/node/runners/package-lock.json | prerequisites
	@echo "installing the frameworks of the Node tests into tests/node/runners"
	@npm ci --prefix tests/node/runners --no-audit --no-fund --loglevel=error
	@touch $@

# What the wheel says is inside of it.
inside := target/sbom/cxone-actions-python.cyclonedx.json

# maturin itself rather than `pip install .`, which would be silent for the minutes of a first build.
$(venv)/.package: $(rust_sources) $(python_sources) $(venv)/.tools
	@rm -rf target/wheels
	@node scripts/sbom.mjs cxone-actions-python $(inside)
	@$(python) -m maturin build --release --locked --interpreter $(python) --out target/wheels --sbom-include $(inside)
	@echo "installing cxone-actions into .venv"
	@$(python) -m pip install --quiet --no-deps --force-reinstall target/wheels/*.whl
	@touch $@

# After Python, so that two builds do not wait for each other's locks and the second finds everything compiled.
bindings-node/dist/index.js: $(rust_sources) $(node_sources) node_modules/.installed | $(venv)/.package
	@echo "building cxone-actions for Node"
	@npm run --silent build
	@touch $@

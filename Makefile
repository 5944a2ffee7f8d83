# Campus: `make` lists what there is. Continuous integration calls these targets and nothing else.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
BUF := $(VENV)/bin/buf
READY := $(VENV)/.ready
# One test or one folder: make test T=tests/identity/test_api.py
T ?=

##@ Use it
.PHONY: run reset status demo
run: $(READY) ## Start the whole mesh on this machine; Ctrl-C stops it
	@exec $(PY) -m deploy.local run

reset: $(READY) ## Remove all local data (not while the mesh runs)
	@$(PY) -m deploy.local reset

status: $(READY) ## Show what runs, where, and what it costs
	@$(PY) -m deploy.local status

demo: $(READY) ## Drive the whole journey through the gateway, step by step
	@$(PY) -m deploy.local.demo

##@ Change it
.PHONY: gen fmt lock setup
gen: $(READY) ## Generate stubs, descriptors and the API document from proto/
	@$(PY) -m gateway.generate

fmt: $(READY) ## Format Python and proto files
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format .
	@$(BUF) format --write proto

lock: $(READY) ## Resolve pyproject.toml's dependencies anew into requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(VENV)/bin/uv pip compile --quiet --upgrade --all-extras --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

setup: $(READY) ## Install what everything needs into .venv (the other targets do it by themselves)

##@ Prove it
.PHONY: test lint breaking gen-check bench drill
test: $(READY) ## Everything that is checked before a change is accepted; T=path for one test
ifeq ($(T),)
	@$(MAKE) --no-print-directory lint breaking gen-check
endif
	@$(PY) -m pytest $(if $(T),$(T),--cov --cov-report=term:skip-covered)

lint: $(READY) ## Style, types, import rules, contract style
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(BUF) lint
	@$(BUF) format --diff --exit-code proto

breaking: $(READY) ## Refuse a contract that breaks the one before it on main
	@before=$$(git rev-parse --verify --quiet main || true); \
	if [ -n "$$before" ] && git diff --quiet "$$before" -- proto; then before=$$(git rev-parse --verify --quiet main~1 || true); fi; \
	if [ -z "$$before" ] || ! git cat-file -e "$$before:buf.yaml" 2>/dev/null; then \
		echo "breaking: there is no earlier contract on main to compare with"; exit 0; \
	fi; \
	rm -rf build/breaking; mkdir -p build/breaking; \
	git archive "$$before" buf.yaml proto third_party | tar -x -C build/breaking; \
	$(BUF) breaking --against build/breaking

gen-check: $(READY) ## Refuse generated code that is not what proto/ generates
	@$(PY) -m gateway.generate --check

bench: $(READY) ## Measure throughput against a bare gRPC echo; writes build/bench.json
	@$(PY) -m tests.bench

drill: $(READY) ## Kill services, relay and NATS under load and count what is lost; writes build/drill.json
	@$(PY) -m tests.drill

##@ Help
.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The virtual environment follows the lock file: it is installed anew when the lock changes, and only then.
$(READY): requirements.lock
	@python=""; for candidate in python3 python3.13 python3.12 python3.11; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "campus: Python 3.11 or newer is needed: install it, so that python3 or python3.11 is on the PATH" >&2; exit 1; fi; \
	if [ ! -x $(PY) ] || ! $(PY) -c '' 2>/dev/null; then \
		echo "  creating     $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV) || { echo "campus: $$python cannot make a virtual environment: install its venv module (on Debian: apt install python3-venv)" >&2; exit 1; }; \
	fi
	@total=$$(grep -c '^[a-z0-9]' requirements.lock); \
	$(PY) -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r requirements.lock \
		| awk -v total="$$total" '/^Collecting/ {printf "  fetching     %3d of up to %d  %s\n", ++n, total, $$2; fflush()} \
			/^Installing/ {print "  installing   " NF - 3 " packages"; fflush()}' \
		|| { echo "campus: the packages could not be installed: read pip's lines above (network? disk?), then run make again" >&2; exit 1; }
	@$(PY) -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps --editable .
	@touch $@

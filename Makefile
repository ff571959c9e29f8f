# The two commands a newcomer needs are `make run` and `make test`; `make help` lists the others.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-lock
SUPPLY := build/supply-chain
WORKERS ?= 4
TEST_ARGS ?=
GUARDED ?= $(addprefix tests/integration/,test_import_poll.py push/test_push_flow.py push/test_push_audit.py \
  test_analytics_export.py erasing/test_erasure.py test_attachments.py test_event_relay.py cli/test_cli_analytics.py) \
  $(addprefix tests/e2e/test_http_mode.py::test_,\
  a_status_changed_in_clearview_is_pushed_and_an_imported_one_is_not \
  an_erased_person_is_deleted_at_the_service_and_not_sent_again)

.DEFAULT_GOAL := help
.PHONY: help run test guarded fuzz check lint types imports shipped supply-chain audit format bench bench-quick bench-peers lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | \
	  awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

# Compiled once here, as in the image: a command then starts a third of a second sooner.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name it with: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the locked packages (about half a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 models config connectors daemon tests/support
	@touch $@

run: $(STAMP) ## Start the demo: embedded MongoDB, three simulated ATSs, the daemon
	@exec $(BIN)/ats-sync demo

test: $(STAMP) ## Run the whole test suite against the embedded MongoDB
	@$(BIN)/python -m pytest -n $(WORKERS) $(TEST_ARGS)
	@test -n "$(TEST_ARGS)" || $(MAKE) --no-print-directory guarded

guarded: $(STAMP) ## Repeat some integration tests with access control, TLS and the printed roles
	@$(BIN)/python -m pytest -n $(WORKERS) --guarded-mongo $(GUARDED)

fuzz: $(STAMP) ## Generate hostile input, at least 100,000 cases (some 15 minutes); prints a table
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n $(WORKERS) -p tests.support.fuzz_cases \
	  -m fuzz --least-cases 100000 -o timeout=3600 -q $(TEST_ARGS)

check: lint types imports shipped ## Lint, format, types, import directions, the shipped configuration

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@$(BIN)/lint-imports

shipped: $(STAMP)
	@$(BIN)/ats-sync validate --config config/ats-sync.yaml
	@$(BIN)/ats-sync connectors test

# Tools that look at the packages, apart from the packages: they are no part of what runs or is tested.
$(SUPPLY)/.installed: .ci/supply-chain.lock
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/supply-chain.lock
	@touch $@

supply-chain: $(STAMP) $(SUPPLY)/.installed ## Write the SBOM and the licence list, and refuse unknown licences
	@mkdir -p ci-output
	@$(SUPPLY)/bin/pip-licenses --python $(BIN)/python --output-file ci-output/licences.md
	@$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file ci-output/sbom.cdx.json $(BIN)/python
	@echo "ci-output/licences.md, ci-output/sbom.cdx.json (CycloneDX)"

audit: $(SUPPLY)/.installed ## Ask PyPI for known weaknesses of the locked packages (needs pypi.org)
	@$(SUPPLY)/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

format: $(STAMP) ## Format the code and fix what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Measure against the raw limit of this machine, and write tests/bench/RESULTS.md
	@$(BIN)/python -m tests.bench

bench-quick: $(STAMP) ## The same with 10,000 records, printed only
	@$(BIN)/python -m tests.bench --quick

bench-peers: $(STAMP) ## The same listing through Singer and Airbyte, which it installs for itself
	@$(BIN)/python -m tests.bench.peers

lock: ## Resolve the locked requirements again (needs uv)
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra embedded --extra events --extra dev pyproject.toml -o requirements.lock
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url .ci/supply-chain.in -o .ci/supply-chain.lock

clean: ## Remove what was built and measured; data/ stays
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis ci-output

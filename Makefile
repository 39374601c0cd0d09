# `make help` lists the commands. Every command that needs the virtual environment makes it first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
ROWS ?= 1000
# Three processes keep two cores busy: tests wait for Spark and for processes of their own.
WORKERS ?= 3
EXTRAS ?= pii
PACKAGES ?=
WHEELS ?=
ARGS ?=
UV ?= $(BIN)/uv
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
UV_LOCK := pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet --override requirements/overrides.txt

.PHONY: help setup demo test test-full proof docs lint format dist lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Make .venv from the lock (again only when the lock, pyproject.toml or Python changed)
	@python=$$(scripts/find_python.sh "$(VENV)"); "$$python" scripts/make_venv.py "$(VENV)"

demo: setup  ## Make a sample lake, scan it, redact it, and say where the report is (ROWS=1000)
	$(BIN)/rai-scale demo out/demo --rows $(ROWS)

test: setup  ## Run the tests that guard every change, about 13 minutes (ARGS='tests/unit'; WORKERS=3)
	@echo "test: $$(scripts/find_java.sh || true)"; $(PYTEST) $(ARGS)

# Coverage costs time, so `make test` does without, and the bar is met by the tests of `make test`.
test-full: setup  ## Run the tests of `make test` with coverage, then all others, about 55 minutes
	@echo "test-full: $$(scripts/find_java.sh || true)"; \
	$(PYTEST) --cov --cov-report=term:skip-covered && \
	$(PYTEST) --hypothesis-profile=full -m "not proof and (full or (spark and not smoke))"

proof: setup  ## Repeat what is too long for CI, for hours, into docs/proof.md (ARGS='mutants peers')
	$(BIN)/python scripts/proof.py $(ARGS)

docs: setup  ## Build the pages into build/site; a broken link or reference is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: setup  ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## Put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: setup  ## Build the zip for --py-files and the environment for --archives (EXTRAS="pii explain" PACKAGES=lightgbm)
	$(BIN)/python scripts/build_dist.py --out dist $(addprefix --extra ,$(EXTRAS)) \
		$(addprefix --package ,$(PACKAGES)) $(addprefix --wheel ,$(WHEELS))

# uv does not read pip's configuration: name a mirror with UV_DEFAULT_INDEX.
lock:  ## Resolve the lock again (UPGRADE=--upgrade for newest versions; uv is in .venv, or UV=uv)
	@command -v $(UV) > /dev/null || { echo "lock: $(UV) not found; run: make setup"; exit 1; }
	$(UV) $(UV_LOCK) $(UPGRADE) --extra all --group dev --group docs --group model --group build \
		-c requirements/constraints.txt -o requirements/dev.lock

clean:  ## Remove everything that was made here, .venv included
	rm -rf $(VENV) .azurite build dist out sample_lake spark-warehouse metastore_db artifacts .coverage \
		.coverage.* .mypy_cache .ruff_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

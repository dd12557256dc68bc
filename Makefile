# `make` or `make help` lists what there is. Everything but help and clean sets up the environment first.
#
# Variables: PYTHON       the interpreter that makes the environment
#            PIP_OPTIONS  passed to every pip call, for example to get torch from another package index
#            ARGS         passed to the command of train, test, test-all, test-slow, test-nojit, ui and dashboard

PYTHON ?= python3
PIP_OPTIONS ?=
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install $(PIP_OPTIONS) -c constraints.txt
PYTEST := $(BIN)/python -m pytest -n auto
SETUP := $(VENV)/setup-done
BENCH := $(VENV)/bench-done
PLAIN_PYTHON_TESTS := tests/unit/metrics tests/unit/market tests/unit/env tests/property/test_accounting.py tests/property/test_metrics_laws.py tests/property/test_truncation.py
COVERED := intraday_rl.metrics intraday_rl.market intraday_rl.env

# One thread a process: a run uses one core, and several runs use the cores better than threads do.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup train test test-slow test-all test-nojit lint format docs bench ui dashboard clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## +' '{ printf "  make %-12s%s\n", $$1, $$2 }'

setup: $(SETUP)  ## make the environment in .venv, with the versions of constraints.txt

# The file is the interpreter's link: it is missing too when the Python behind it was removed.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed; Python 3.11, 3.12 or 3.13 is needed"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "error: Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1); name one: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || \
		{ rm -rf $(VENV); echo "error: $(PYTHON) cannot make environments; its packages venv and pip are needed (on Debian: python3-venv)"; exit 1; }

# torch comes alone and first, so that PIP_OPTIONS decide its build and nothing else pulls in another.
$(SETUP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch
	$(PIP) -e ".[dev]"
	@touch $@

$(BENCH): $(SETUP)
	$(PIP) -e ".[bench]"
	@touch $@

train: $(SETUP)  ## train, judge and report one run: make train ARGS="data=ou_market seed=1"
	$(BIN)/python train.py $(ARGS)

# A file stays on one worker: its tests share compiled code and fixtures.
test: $(SETUP)  ## the fast tests, under two minutes
	$(PYTEST) --dist loadfile $(ARGS)

test-slow: $(SETUP)  ## the slow tests alone: they train agents
	$(PYTEST) -m slow $(ARGS)

test-all: test test-slow  ## the fast tests, then the slow ones

test-nojit: $(SETUP)  ## metrics, market and env as plain Python, with their line coverage (at least 90 %)
	NUMBA_DISABLE_JIT=1 $(PYTEST) $(PLAIN_PYTHON_TESTS) $(COVERED:%=--cov=%) --cov-report=term-missing:skip-covered --cov-fail-under=90 $(ARGS)

lint: $(SETUP)  ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(SETUP)  ## format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(SETUP)  ## write docs/features.md as the code describes its features, and draw the pictures of docs/
	$(BIN)/python -m intraday_rl features-page --write
	$(BIN)/python docs/draw.py

bench: $(BENCH)  ## print the benchmarks' ratios
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

ui: $(SETUP)  ## MLflow's pages on the project's runs
	$(BIN)/python -m intraday_rl ui $(ARGS)

dashboard: $(SETUP)  ## Optuna's dashboard on the newest sweep, or on one: make dashboard ARGS=multirun/STUDY
	$(BIN)/python -m intraday_rl dashboard $(ARGS)

clean:  ## remove caches and build leftovers; the environment and all runs stay
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

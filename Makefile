# make demo | test | check | bench | format | install | clean. Everything lies in the project: .venv, demo/, bench/.
SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
EXTRAS ?= demo,minilm,dev
BIN := .venv/bin
STAMP := .venv/.installed
export OMP_NUM_THREADS ?= 1
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test check bench format install clean
.DEFAULT_GOAL := demo

# EXTRAS=demo,minilm,dev,cuda brings spconv too, whose tests then run, on the CPU.
install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and f"Python 3.11 or later is needed, {sys.executable} is {v}; make install PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

demo: install
	$(BIN)/ppt-dist demo

# On two processes. Quick tests first: a mistake shows within two minutes. What tests of a file share is made once.
SLOW := slow or ranks or ray
test: install
	$(BIN)/python -m pytest -q -n 2 -m "not ($(SLOW))"
	$(BIN)/python -m pytest -q -n 2 -m "$(SLOW)" --dist loadfile --no-loadscope-reorder --durations=10

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile; fi

# Some minutes a part. benchmarks.data_plane measures transforms too where it is given a checkout: --pointcept DIR.
bench: install
	for part in pack training overhead data_plane; do \
	  $(BIN)/python -m benchmarks.$$part --json bench/$$part.json || exit; \
	done

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv demo bench build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

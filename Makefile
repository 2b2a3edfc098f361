# Everything here sets itself up: a virtual environment beside this file, no service, no account.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
INSTALLED := $(VENV)/.installed

.PHONY: help setup demo test check unit schemas docs bench clean

help:  ## show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(INSTALLED)  ## make the virtual environment

$(INSTALLED): pyproject.toml constraints.txt $(foreach plugin,$(PLUGINS),$(plugin)/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	@echo "installing chanbridge and its plugins into $(VENV) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[serve,dev]' $(foreach plugin,$(PLUGINS),-e ./$(plugin))
	@touch $@

demo: setup  ## the main job, in front of your eyes: ends by itself
	@$(BIN)/python -m demo.damaged_box

test: setup check unit  ## all that CI runs

check: setup  ## types, style, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy chanbridge
	$(BIN)/mypy --explicit-package-bases demo docs/*.py
	@for plugin in $(PLUGINS); do echo "mypy $$plugin"; $(BIN)/mypy $$plugin/chanbridge_$$(basename $$plugin) || exit 1; done

unit: setup  ## the tests, in parallel
	$(BIN)/pytest -q -n auto

schemas: setup  ## write schemas/ anew
	$(BIN)/python -m chanbridge.model.schemas schemas

docs: setup  ## write the generated part of docs/ anew
	$(BIN)/python -m docs.reference

bench: setup  ## the benchmarks, side by side in one run
	$(BIN)/python -m benchmarks

clean:  ## remove the virtual environment and what tools left
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache

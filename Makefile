# GNU make. `make help` lists what can be made.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 7860
CONSTRAINTS ?= constraints.txt

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
FROZEN := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

.DELETE_ON_ERROR:
.PHONY: help demo test test-slow check clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; do \
	    printf '%-16s %s\n' "$$target" "$$what"; done
	@echo
	@echo 'PYTHON=python3.12 chooses the interpreter, VENV=folder the environment, PORT=8000 the port of the page,'
	@echo 'CONSTRAINTS= installs the newest dependencies instead of the tested ones in constraints.txt.'

demo: $(VENV)/.installed-ui ## the chat page on the shipped model, at http://127.0.0.1:7860 or PORT
	PORT=$(PORT) $(BIN)/nmt ui

test: $(VENV)/.installed-dev ## all quick tests
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/.installed-dev ## browser, wheel, kills, training and notebooks; a missing browser is a failure
	NMT_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -m slow

check: $(VENV)/.installed-dev ## lint, format, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

clean: ## remove what building and testing left behind (environments and runs/ stay)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find nmt ui tests benchmarks data -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'error: $(PYTHON) is missing or older than Python 3.11; install one, or name it: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo 'error: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }

$(VENV)/.installed-%: pyproject.toml $(CONSTRAINTS) | $(VENV)/pyvenv.cfg
	$(PIP) install $(FROZEN) --editable '.[$*]'
	@touch $@

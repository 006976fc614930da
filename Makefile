# GNU make. `make help` lists what can be made.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 7860
CONSTRAINTS ?= constraints.txt

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
FROZEN := $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
# The build for processors, which only its own index has; the one of PyPI brings several GB for graphics processors.
TORCH ?= torch==2.13.0+cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.DELETE_ON_ERROR:
.PHONY: help demo test test-slow test-torch check docs clean

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

test-torch: $(VENV)/.installed-dev $(VENV)/torch ## the core of the tests with torch under Keras
	PYTHONPATH=$(abspath $(VENV)/torch) $(BIN)/python -m pytest -m slow -k torch tests/test_backends.py

check: $(VENV)/.installed-dev ## lint, format, types and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

docs: $(VENV)/.installed-docs ## the documentation as a site in site/, to be opened as files
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean: ## remove what building and testing left behind (environments and runs/ stay)
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find nmt ui tests benchmarks data -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'error: $(PYTHON) is missing or older than Python 3.11; install one, or name it: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo 'error: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }

# Beside the environment and not in it, so that everything else is tested without torch.
$(VENV)/torch: | $(VENV)/pyvenv.cfg
	$(PIP) install $(FROZEN) --timeout 15 --retries 1 --extra-index-url $(TORCH_INDEX) --target $@ '$(TORCH)'

$(VENV)/.installed-%: pyproject.toml $(CONSTRAINTS) | $(VENV)/pyvenv.cfg
	$(PIP) install $(FROZEN) --editable '.[$*]'
	@touch $@

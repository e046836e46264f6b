# Every job of the project is one command here. Needed: Python 3.11 or later with pip, make and git.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
HASHED := install --quiet --no-deps --require-hashes
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 --fork-strategy fewest --group build

# Weights, evidence and the database of these commands stay inside the checkout.
export KINOSCRIBE_DATA_DIR ?= $(CURDIR)/.kinoscribe

# The real vLLM of the tests, for the processor; it has an environment of its own.
SERVERS := .cache/vllm

CLIP := examples/reel.mp4
PROMPT ?= Describe this video: what is seen, what is said, and when?
AGAIN ?= What was stolen?

.PHONY: help setup setup-dev models demo serve check test conformance integration servers bench docs picture lock clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(VENV)/.installed  ## a virtual environment with what Kinoscribe needs, by hash
setup-dev: $(VENV)/.installed-dev  ## the same and what its tests and checks need

models: setup  ## fetch and verify the weights of the embedded engine (about 300 MB, once)
	@$(BIN)/kinoscribe models get

demo: models  ## answer two questions about the bundled clip in this terminal
	@printf '\n$$ kinoscribe analyze %s "%s"\n' '$(CLIP)' '$(PROMPT)'
	@$(BIN)/kinoscribe analyze $(CLIP) "$(PROMPT)"
	@printf '\nA second question decodes nothing.\n$$ kinoscribe analyze %s "%s"\n' '$(CLIP)' '$(AGAIN)'
	@$(BIN)/kinoscribe analyze $(CLIP) "$(AGAIN)"

serve: models  ## start the server on 127.0.0.1:8080
	@$(BIN)/kinoscribe serve

check: setup-dev  ## style, types and layers
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check models  ## checks, then all tests
	$(BIN)/pytest

conformance: setup-dev models  ## only the tests of the wire, with the official SDKs
	$(BIN)/pytest tests/conformance

integration: setup-dev models servers  ## only the tests that run whole processes, files and real model servers
	$(BIN)/pytest tests/integration
	$(BIN)/pytest tests/real_servers -m servers

servers: $(SERVERS)/.installed  ## install the real model server that `make integration` tests against (3.5 GB, once)

bench: setup-dev models  ## how fast, how much memory; a quarter of an hour
	$(BIN)/python -m tests.bench.run

docs: setup-dev  ## write the generated parts of docs/ again
	$(BIN)/python tests/docs/generate.py
	$(BIN)/python -m tests.conformance.report

picture: setup-dev models  ## record docs/demo.svg again, from a real run
	$(BIN)/python tests/docs/record.py

lock:  ## resolve the dependencies anew (needs uv)
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove the virtual environment and the data folder of this checkout
	rm -rf $(VENV) .kinoscribe

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Kinoscribe needs Python 3.11 or later: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Kinoscribe needs into $(VENV)"
	@$(PIP) $(HASHED) -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)"
	@$(PIP) $(HASHED) -r requirements-dev.lock
	@touch $@

$(SERVERS)/.installed: tests/real_servers/requirements-vllm.txt
	@echo "Installing vLLM into $(SERVERS)"
	@$(PYTHON) -m venv $(SERVERS)
	@$(SERVERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@$(SERVERS)/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec  # they need another build of torch
	@touch $@

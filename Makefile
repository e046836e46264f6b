# Every job of the project is one command here. Needed: Python 3.11 or later with pip, make and git.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
pip_of = $(PYTHON) -m pip --python $(1)/bin/python --disable-pip-version-check
PIP = $(call pip_of,$(VENV))
HASHED := install --quiet --no-deps --require-hashes
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 --fork-strategy fewest --group build

# Weights, evidence and the database of these commands stay inside the checkout.
export KINOSCRIBE_DATA_DIR ?= $(CURDIR)/.kinoscribe

# The real model servers of the tests, for the processor; each has an environment of its own.
VLLM := .cache/vllm
LLAMA := .cache/llama
REAL := tests/real_servers

CLIP := examples/reel.mp4
PROMPT ?= Describe this video: what is seen, what is said, and when?
AGAIN ?= What was stolen?

.PHONY: help setup setup-dev models demo serve check test conformance integration real-llamacpp servers llamacpp vllm bench docs
.PHONY: picture lock clean

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
	$(BIN)/pytest $(REAL) -m servers

real-llamacpp: setup-dev models llamacpp  ## of these, only the ones that run llama.cpp's server
	$(BIN)/pytest $(REAL) -m servers -k llamacpp

servers: llamacpp vllm  ## install the real model servers that `make integration` tests against
llamacpp: $(LLAMA)/.installed  ## only llama.cpp's server, built from source: needs a C++ compiler and some minutes, once
vllm: $(VLLM)/.installed  ## only vLLM: 3.5 GB, once

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

$(LLAMA)/.installed: $(REAL)/requirements-llama.txt $(REAL)/source-llama.txt $(REAL)/build_llama.py
	@echo "Building llama.cpp's server in $(LLAMA), which takes some minutes"
	@rm -rf $(LLAMA)
	@$(PYTHON) -m venv --without-pip $(LLAMA)
	@$(call pip_of,$(LLAMA)) $(HASHED) -r $(REAL)/requirements-llama.txt
	@$(call pip_of,$(LLAMA)) download --quiet --no-deps --no-build-isolation --no-binary llama-cpp-python \
		--require-hashes -r $(REAL)/source-llama.txt -d $(LLAMA)/archive
	@$(LLAMA)/bin/python $(REAL)/build_llama.py $(LLAMA)/archive/*.tar.gz $(LLAMA)
	@rm -r $(LLAMA)/archive
	@touch $@

# Which build of torch is right, with CUDA or without, depends on the machine: it alone is installed without a hash.
$(VLLM)/.installed: $(REAL)/requirements-vllm.txt
	@echo "Installing vLLM into $(VLLM)"
	@rm -rf $(VLLM)
	@$(PYTHON) -m venv --without-pip $(VLLM)
	@$(call pip_of,$(VLLM)) $(HASHED) -r $<
	@$(call pip_of,$(VLLM)) install --quiet torch==2.13.0
	@touch $@

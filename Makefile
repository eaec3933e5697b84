PYTHON ?= python3
VENV   ?= .venv
BENCH  ?= .venv-bench
BIN    ?= $(VENV)/bin
CONSTRAINTS ?= --constraint constraints.txt

.PHONY: install demo page docs test test-slow test-web lint bench clean

# One stamp per environment: it is remade when the pins or the project's own metadata change.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS) --editable '.[dev]'
	touch $@

install: $(VENV)/.installed  ## the environment, and the explorer's page where npm is there
	@if command -v npm > /dev/null; then $(BIN)/python hatch_build.py; else \
	  echo "npm is missing: reparam explore has no page. Fix: install Node.js 20.19 or newer, then make page"; fi

demo: install  ## train the AE and the VAE, write runs/demo/report.html
	$(BIN)/reparam demo

page:  ## the explorer's page from web/, where its sources changed
	$(PYTHON) hatch_build.py

# A warning is an error: a link that leads nowhere, a page that is in no menu, a tutorial that fails.
docs: $(VENV)/.installed  ## site/, with every tutorial run; open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint  ## lint, types, import rules and the test suite
	$(BIN)/python -m pytest -m "not slow and not web" --numprocesses auto

test-slow: $(VENV)/.installed  ## the tests that take minutes
	OMP_NUM_THREADS=$$(nproc 2>/dev/null || echo 2) $(BIN)/python -m pytest -m "slow and not web"

# Playwright drives the Chromium of the system: on Debian, apt-get install chromium.
test-web: $(VENV)/.installed  ## the explorer's page, built by npm, in a real Chromium
	$(BIN)/python hatch_build.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m web

# What the benchmarks compare with (TensorFlow, Lightning, pythae, diffusers) stays out of the normal environment.
$(BENCH)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet $(CONSTRAINTS) --editable '.[bench]'
	touch $@

bench: $(BENCH)/.installed  ## remake the figures of benchmarks/RESULTS.md
	$(BENCH)/bin/python benchmarks/speed.py
	$(BENCH)/bin/python benchmarks/article.py
	$(BENCH)/bin/python benchmarks/growing.py
	$(BENCH)/bin/python benchmarks/scaling.py
	$(BENCH)/bin/python benchmarks/papers.py --row burda

clean:
	rm -rf $(VENV) $(BENCH) build dist site .pytest_cache .mypy_cache .ruff_cache

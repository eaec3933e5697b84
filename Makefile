PYTHON ?= python3
VENV   ?= .venv
BENCH  ?= .venv-bench
SUB     = $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN    ?= $(VENV)/$(SUB)
LOCK   ?= yes
PIP     = -m pip install --quiet

.PHONY: install demo page docs test test-slow test-web lint bench licences lock clean

# What pip does in an environment, for the extra $(2): first the locked files, each of which must have a
# hash that the lock knows, then PyTorch in the build that pip is set up for here, and this package.
# LOCK= leaves the lock out: the newest versions.
define install
	$(if $(LOCK),$(1) $(PIP) --no-deps --require-hashes --requirement requirements/$(2).txt)
	$(1) $(PIP) $(if $(LOCK),--no-build-isolation --requirement requirements/torch.txt) --editable '.[$(2)]'
endef

# One stamp per environment: it is remade when the lock or the project's own metadata change.
$(VENV)/.installed: pyproject.toml requirements/dev.txt requirements/torch.txt
	$(PYTHON) -m venv $(VENV)
	$(call install,$(BIN)/python,dev)
	touch $@

install: $(VENV)/.installed  ## the environment, and the explorer's page where npm is there
	@if command -v npm > /dev/null; then $(BIN)/python hatch_build.py; else \
	  echo "npm is missing: reparam explore has no page. Fix: install Node.js 20.19 or newer, then make page"; fi

demo: install  ## train the AE and the VAE, write runs/demo/report.html
	$(BIN)/reparam demo

page:  ## the explorer's page from web/, where its sources changed
	$(PYTHON) hatch_build.py

licences:  ## sbom.cdx.json and THIRD_PARTY_LICENSES.txt, after a change in web/package.json
	cd web && npm ci --no-audit --no-fund
	$(PYTHON) third_party.py

# A warning is an error: a link that leads nowhere, a page that is in no menu, a tutorial that fails.
docs: $(VENV)/.installed  ## site/, with every tutorial run; open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint  ## lint, types, import rules and the test suite
	$(BIN)/python -m pytest -m "not slow and not web" --numprocesses auto --dist worksteal

test-slow: $(VENV)/.installed  ## the tests that take minutes
	OMP_NUM_THREADS=$$(nproc 2>/dev/null || echo 2) $(BIN)/python -m pytest -m "slow and not web"

# Playwright drives the Chromium of the system: on Debian, apt-get install chromium. One process
# more than there are processors fills what videos and waiting leave: 3 % of the time on two.
test-web: $(VENV)/.installed  ## the explorer's page, built by npm, in a real Chromium
	$(BIN)/python hatch_build.py
	OMP_NUM_THREADS=1 REPARAM_TYPECHECK=0 $(BIN)/python -m pytest tests/web --dist loadfile \
		--numprocesses $$(( $$(env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2) + 1 ))

# What the benchmarks compare with (TensorFlow, Lightning, pythae, diffusers) stays out of the normal environment.
$(BENCH)/.installed: pyproject.toml requirements/bench.txt requirements/torch.txt
	$(PYTHON) -m venv $(BENCH)
	$(call install,$(BENCH)/$(SUB)/python,bench)
	touch $@

bench: $(BENCH)/.installed  ## remake the figures of benchmarks/RESULTS.md
	$(BENCH)/$(SUB)/python benchmarks/speed.py
	$(BENCH)/$(SUB)/python benchmarks/article.py
	$(BENCH)/$(SUB)/python benchmarks/growing.py
	$(BENCH)/$(SUB)/python benchmarks/scaling.py
	$(BENCH)/$(SUB)/python benchmarks/papers.py --row burda

# Pins that pyproject.toml still allows are kept: UPGRADE=--upgrade takes the newest ones.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --custom-compile-command "make lock" \
  -c requirements/torch.txt $(UPGRADE)
lock: $(VENV)/.installed  ## requirements/, from pyproject.toml, for every system and Python
	$(COMPILE) --extra dev -o requirements/dev.txt
	$(COMPILE) --extra bench -o requirements/bench.txt

clean:
	rm -rf $(VENV) $(BENCH) build dist site .pytest_cache .mypy_cache .ruff_cache

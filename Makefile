# make demo, make test: the two that a newcomer needs. Both make .venv themselves.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help demo test fuzz simulate check format test-all bench slim clean

help:
	@echo "make demo      page through the local Image Builder and print what it has"
	@echo "make test      run the tests"
	@echo "make fuzz      feed the parsers many more random inputs than make test does"
	@echo "make simulate  break off the simulated network at every byte and turn that there is"
	@echo "make check     formatting, lint and types"
	@echo "make format    format the code and mend what the linter can"
	@echo "make test-all  run the tests on every supported Python that is found"
	@echo "make bench     measure speed and size beside boto3 and aiobotocore; five minutes"
	@echo "make slim      build/slim: the library and all it needs, and nothing else"
	@echo "make clean     remove what the other commands have made"

demo: $(VENV)/.runtime
	@$(BIN)/python -m imagebuilder_pager.local.demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

fuzz: $(VENV)/.dev
	FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest -q tests/unit/test_fuzz.py

simulate: $(VENV)/.dev
	SIMULATION_FULL=1 $(BIN)/python -m pytest -q tests/simulation $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# Each Python gets an environment of its own. Where pyenv has several, only some are on the PATH.
test-all:
	@found=; for version in 3.11 3.12 3.13 3.14; do \
	  for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python; do \
	    if $$python -c pass 2>/dev/null; then \
	      found="$$found $$version"; \
	      $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	      break; \
	    fi; \
	  done; \
	done; echo "passed on:$$found"; test -n "$$found"

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

slim: $(VENV)/.runtime
	$(BIN)/python tools/slim.py build/slim
	cd build/slim && ../../$(BIN)/python -I -S -B -c 'import sys; sys.path.insert(0, "."); from imagebuilder_pager.local.demo import main; sys.exit(main())' >/dev/null

clean:
	rm -rf .venv .venv-* dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is " + sys.version.split()[0] + "; say which with: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# The pins also hold in pip's isolated build environments.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[cli]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

# A newcomer needs make demo and make test. Both create .venv.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help demo test fuzz simulate check format update-model test-all test-aiobotocore test-lowest bench dist long-description container clean

help:
	@echo "make demo      page from the policies of a local Image Builder to the resources of an execution"
	@echo "make test      run the tests"
	@echo "make test-aiobotocore  run the tests with aiobotocore, in its own environment"
	@echo "make fuzz      test the parsers with many more random inputs, all paginators of AWS, and"
	@echo "               thousands of command lines"
	@echo "make simulate  interrupt the simulated network at every byte and every await"
	@echo "make check     check formatting, lint, types, and that every public type is known"
	@echo "make format    format the code and apply the linter's fixes"
	@echo "make test-all  run the tests on every supported Python that is found"
	@echo "make test-lowest  run the tests with the lowest versions that pyproject.toml allows"
	@echo "make update-model  generate from the newest service model, and list the changed files"
	@echo "make bench     compare speed and size with boto3, aiobotocore and others; eight minutes"
	@echo "make dist      build and check the files of a release, in dist"
	@echo "make long-description  write build/long-description.html, the README as an index shows it"
	@echo "make container build examples/container/Dockerfile, and compare it with boto3"
	@echo "make clean     remove everything that the other commands created"

demo: $(VENV)/.runtime
	@$(BIN)/python -m imagebuilder_pager.local.demo

# Bytecode is written even where the environment forbids it: hundreds of tests start a Python, which
# otherwise compiles the whole package.
test fuzz simulate test-aiobotocore test-lowest: export PYTHONDONTWRITEBYTECODE =

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --dist worksteal $(PYTEST_ARGS)

fuzz: $(VENV)/.dev
	FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest -q tests/unit/test_fuzz.py \
	  tests/protocol/test_all_of_aws.py tests/protocol/test_against_botocore.py \
	  tests/protocol/test_tokens.py \
	  tests/integration/test_command_lines_against_aws.py

simulate: $(VENV)/.dev
	SIMULATION_FULL=1 $(BIN)/python -m pytest -q -n auto tests/simulation \
	  tests/integration/test_faults.py $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	@echo "$(BIN)/basedpyright --verifytypes imagebuilder_pager --ignoreexternal"
	@PATH="$$(cd '$(BIN)' && pwd):$$PATH" $(BIN)/basedpyright --verifytypes imagebuilder_pager \
	  --ignoreexternal >'$(VENV)/verifytypes.txt' || { cat '$(VENV)/verifytypes.txt'; exit 1; }
	@grep 'completeness score' '$(VENV)/verifytypes.txt'

format: $(VENV)/.dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The newest botocore is installed beside the pinned one: only its service model is read.
update-model: $(VENV)/.dev
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --upgrade \
	  --target build/newest-botocore botocore
	PYTHONPATH=build/newest-botocore $(BIN)/python -m tools.generate
	git --no-pager diff --stat -- imagebuilder_pager docs/reference

# Each Python gets its own environment. Not all of pyenv's Pythons are on the PATH.
test-all:
	@found=; for version in 3.11 3.12 3.13 3.14; do \
	  for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python; do \
	    if $$python -c pass 2>/dev/null; then \
	      found="$$found $$version"; \
	      $(MAKE) --no-print-directory test test-aiobotocore PYTHON=$$python VENV=.venv-$$version || exit 1; \
	      break; \
	    fi; \
	  done; \
	done; \
	echo "passed on:$$found"; test -n "$$found"

# The lowest versions of the library's imports, and the pinned versions of the test tools. Without
# httpx2, which only callers import: it needs a newer idna.
LOWEST = .venv-lowest
LOWEST_TOOLS = botocore-stubs|hypothesis|mypy|pytest|pytest-mypy-plugins|pytest-xdist|respx|trio|types-jmespath

# These tests compare with AWS's service model, which is older in an old botocore.
NEWEST_MODEL = --ignore=tests/unit/test_generated.py \
  --deselect tests/unit/test_fixtures.py::test_every_page_of_the_account_is_valid_by_the_service_model

test-lowest: $(LOWEST)/.installed
	$(LOWEST)/bin/python -m pytest -q -n auto --dist worksteal $(or $(PYTEST_ARGS),tests/unit tests/protocol $(NEWEST_MODEL))

# Each step only adds packages: lowest.txt has the versions to test. boto3, the reference, has the
# version that fits this botocore.
$(LOWEST)/.installed: pyproject.toml constraints.txt Makefile
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	$(LOWEST)/bin/uv pip install -q -p $(LOWEST) --resolution lowest-direct -e '.[cli]'
	$(LOWEST)/bin/uv pip freeze -p $(LOWEST) --exclude-editable >$(LOWEST)/lowest.txt
	$(LOWEST)/bin/uv pip install -q -p $(LOWEST) -c $(LOWEST)/lowest.txt boto3 \
	  $$(grep -E '^($(LOWEST_TOOLS))==' constraints.txt)
	@touch $@

# aiobotocore does not allow the newest botocore, so its tests and the benchmarks' peer have an
# environment beside $(VENV). pytest fails if aiobotocore is missing and so every test is skipped.
AIOBOTOCORE = $(VENV)-aiobotocore
AIOBOTOCORE_TESTS = tests/integration/test_from_aiobotocore_client.py

test-aiobotocore: $(AIOBOTOCORE)/.installed
	$(AIOBOTOCORE)/bin/python -m pytest -q $(AIOBOTOCORE_TESTS)

$(AIOBOTOCORE)/.installed: pyproject.toml constraints.txt requirements-aiobotocore.txt
	$(PYTHON) -m venv $(AIOBOTOCORE) --clear
	grep -vE '^(boto3|botocore)==' constraints.txt >$(AIOBOTOCORE)/constraints.txt
	PIP_CONSTRAINT=$(AIOBOTOCORE)/constraints.txt $(AIOBOTOCORE)/bin/python -m pip install -q \
	  --disable-pip-version-check -e . -r requirements-aiobotocore.txt hypothesis moto pytest
	@touch $@

bench: $(VENV)/.dev $(AIOBOTOCORE)/.installed
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# The programs that upload a release and render its description have an environment beside $(VENV).
UPLOAD = $(VENV)-upload

dist: $(VENV)/.dev $(UPLOAD)/.installed
	$(BIN)/python -m tools.dist dist
	$(UPLOAD)/bin/twine check --strict dist/*
	DIST=dist $(BIN)/python -m pytest -q tests/packaging/test_dist.py

long-description: $(VENV)/.dev $(UPLOAD)/.installed
	@mkdir -p build
	$(BIN)/hatchling metadata readme >build/long-description.md
	$(UPLOAD)/bin/python -m readme_renderer -o build/long-description.html build/long-description.md

$(UPLOAD)/.installed: constraints.txt
	$(PYTHON) -m venv $(UPLOAD) --clear
	$(UPLOAD)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  twine 'readme_renderer[md]'
	@touch $@

container: $(VENV)/.dev
	@$(BIN)/python -m tools.container --dist

clean:
	rm -rf .venv .venv-* dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An unusable environment is created again: its Python is missing or too old, its packages are for
# another Python, or it has no pip.
VENV_CHECK = import importlib.util as u, sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix or u.find_spec("pip") is None)
ifneq ($(filter-out help clean test-all test-aiobotocore test-lowest,$(or $(MAKECMDGOALS),help)),)
ifneq ($(shell '$(BIN)/python' -I -c '$(VENV_CHECK)' >/dev/null 2>&1 && echo usable),usable)
$(VENV)/.runtime: new-venv
endif
endif

.PHONY: new-venv
new-venv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is " + sys.version.split()[0] + "; say which with: make PYTHON=...") if sys.version_info < (3, 11) else None'
	@if [ -d '$(VENV)' ] && [ ! -L '$(VENV)' ] && [ ! -e '$(VENV)/pyvenv.cfg' ] && [ "$$(ls -A '$(VENV)')" ]; then \
	  echo "$(VENV) is not an environment of Python's; remove it, or name another: make VENV=..."; exit 1; \
	elif [ -e '$(VENV)' ] || [ -L '$(VENV)' ]; then \
	  echo "$(VENV) cannot be used: its Python is missing or too old, or it has no pip; creating it again"; \
	  rm -rf '$(VENV)'; \
	fi
	$(PYTHON) -m venv $(VENV)

# The pins also hold in pip's isolated build environments.
$(VENV)/.runtime: pyproject.toml constraints.txt
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[cli]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

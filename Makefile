# `make` lists the targets. Each target sets up what it needs: a fresh machine with Python 3.11
# or later is enough for `make demo` and for `make test`.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check

# Tests run in two processes where there are two processors (tests/conftest.py); ARGS="-n0" is one. One that
# a hanging test has ended is not begun again: the run ends with it.
PYTEST := $(PY) -m pytest -n auto --max-worker-restart=0

# One stamp per installed set; all are older than pyproject.toml after an edit to it.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format bench fuzz docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## the whole library at work on generated data; URL=postgresql+psycopg://… for another origin
	$(PY) -m demo $(if $(URL),--url "$(URL)")

test: $(DEV_STAMP) ## every test; ARGS="-k ttl -x" goes to pytest
	$(PYTEST) $(ARGS)

check: lint test ## the whole gate: format, lint, types, tests

lint: $(DEV_STAMP) ## format, lint and types, without changing a file
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

format: $(DEV_STAMP) ## put every file into the project's format
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(BENCH_STAMP) ## what is fast and what isn't, as tables and charts (15 minutes); ARGS="hits ways" for parts
	$(PY) -m benchmarks $(ARGS)

# No watchdog: one of these tests may take hours.
fuzz: $(DEV_STAMP) ## the generated tests for long, with a new seed; SQLMEM_TEST_STATEMENTS=200000
	SQLMEM_TEST_SEED=$${SQLMEM_TEST_SEED:-$$(date +%s)} SQLMEM_TEST_STATEMENTS=$${SQLMEM_TEST_STATEMENTS:-50000} \
		$(PYTEST) --hypothesis-profile=fuzz -m generated -o faulthandler_timeout=0 $(ARGS)

docs: $(DEV_STAMP) ## write docs/answers.md from the planner's tables
	$(PY) -m docs.generate

clean: ## remove what make and the tools have made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sqlmem needs Python 3.11 or later; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[postgresql,mysql,progress]'
	@touch $@

$(BENCH_STAMP): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[bench]'
	@touch $@

# mysqlclient apart: it has to be compiled, and its tests are the only thing lost without it.
$(DEV_STAMP): pyproject.toml | $(PY)
	$(PIP) install --quiet --editable '.[dev]'
	@$(PIP) install --quiet --editable '.[mysqlclient]' >$(VENV)/mysqlclient.log 2>&1 || \
		echo "mysqlclient could not be built ($(VENV)/mysqlclient.log): its tests are skipped; on Debian: apt-get install libmariadb-dev pkg-config gcc python3-dev"
	@touch $@ $(RUN_STAMP)

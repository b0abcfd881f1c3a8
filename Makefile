# Needs Python 3.11 or newer with venv, and make. `make` alone prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
UV_VERSION := 0.13.9
READY := $(VENV)/.made-from-requirements
READY_DEV := $(VENV)/.made-from-requirements-dev
COMPILE := $(BIN)/uv pip compile pyproject.toml
PORTABLE := --universal --generate-hashes --python-version 3.11
# Where Python may keep no compiled modules, each of the many programs that a test starts compiles them all for itself.
unexport PYTHONDONTWRITEBYTECODE
# A dev environment holds everything the product needs: it serves `make up` as well and is not made twice.
PRODUCT := $(if $(wildcard $(READY_DEV)),$(READY_DEV),$(READY))

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: $(PRODUCT) ## Start everything in the foreground (ARGS="--port 9000 --demo")
	@AIM_UP_ENDS_WITH_PARENT=1 exec $(PY) manage.py up $(ARGS)

.PHONY: test
test: $(READY_DEV) browser ## Run the tests on real PostgreSQL, Valkey and Chromium, in parallel (T=tests/agents)
	@if [ -n "$(T)" ]; then $(PY) -m pytest -n auto --dist worksteal $(T); else \
		$(PY) -m pytest -n auto --dist worksteal -m "not alone" && $(PY) -m pytest -m alone tests/chaos; fi

# The tests of the console drive Debian's Chromium. Where it cannot be installed they say so and are skipped, in CI they fail.
.PHONY: browser
browser:
	@[ -n "$$AIM_CHROMIUM" ] || command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null \
		|| command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium for the tests of the console" && apt-get update -qq \
			&& { apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-inter >/dev/null 2>&1 \
				|| apt-get install -y -qq --no-install-recommends chromium fonts-inter >/dev/null; } ; } \
		|| echo "There is no Chromium: the tests in tests/e2e are skipped. Install it (apt install chromium-headless-shell), or name it in AIM_CHROMIUM."

.PHONY: check
check: $(READY_DEV) ## Everything static: format, lint, types, imports, settings, migrations, templates
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy .
	PYTHONPATH=. $(BIN)/lint-imports
	AIM_ORIGIN=https://aim.example AIM_ALLOWED_HOSTS=aim.example $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files "templates/*.html")
	$(BIN)/djlint --lint templates
	@$(PY) -W ignore manage.py spectacular --validate --fail-on-warn --file $(VENV)/openapi.yaml
	@diff -q $(VENV)/openapi.yaml docs/openapi.yaml || { echo "docs/openapi.yaml is out of date: run make openapi."; exit 1; }

.PHONY: check-lock
check-lock: $(READY_DEV) $(BIN)/uv ## Both lock files are what pyproject.toml asks for
	@cp requirements.lock $(VENV)/requirements.txt && cp requirements-dev.lock $(VENV)/requirements-dev.txt
	@$(COMPILE) $(PORTABLE) -o $(VENV)/requirements.txt --no-header -q
	@$(COMPILE) --group dev $(PORTABLE) -o $(VENV)/requirements-dev.txt --no-header -q
	@grep -v '^#' requirements.lock | diff -q - $(VENV)/requirements.txt && grep -v '^#' requirements-dev.lock | diff -q - $(VENV)/requirements-dev.txt \
		|| { echo "The lock files do not fit pyproject.toml: run make lock."; exit 1; }

.PHONY: openapi
openapi: $(READY_DEV) ## Write docs/openapi.yaml anew from the code
	$(PY) -W ignore manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

.PHONY: fix
fix: $(READY_DEV) ## Format, and mend what can be mended by itself
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

.PHONY: bench
bench: $(READY_DEV) ## Measure the decision path under load and print the table (ARGS=…)
	$(PY) -m tests.bench $(ARGS)

.PHONY: screenshots
screenshots: $(READY_DEV) browser ## Take the pictures of docs/screenshots anew, of the demonstration's data
	$(PY) -m tests.e2e.screenshots $(ARGS)

.PHONY: chaos
chaos: $(READY_DEV) ## Kill, freeze and flush what the decision needs, at full counts (ARGS=…)
	$(PY) -m tests.chaos $(ARGS)

.PHONY: lock
lock: $(BIN)/uv ## Write both lock files anew (UPGRADE=--upgrade takes newer versions)
	@$(COMPILE) $(PORTABLE) -o requirements.lock $(UPGRADE) >/dev/null
	@$(COMPILE) --group dev $(PORTABLE) -o requirements-dev.lock $(UPGRADE) >/dev/null
	@git --no-pager diff --stat -- requirements.lock requirements-dev.lock

.PHONY: clean
clean: ## Remove the environment and the tools' caches; the data in var/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles

$(READY): requirements.lock
	@$(MAKE) --no-print-directory install FROM=$< MARK=$@

$(READY_DEV): requirements-dev.lock
	@$(MAKE) --no-print-directory install FROM=$< MARK=$@

# uv takes seconds; pip checks the same hashes and takes a minute where uv has no wheel.
.PHONY: install
install: $(PY)
	@echo "Installing $(FROM)"
	@rm -f $(READY) $(READY_DEV)
	@if $(BIN)/uv --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) >/dev/null 2>&1; then \
		$(BIN)/uv pip sync --quiet --require-hashes --python $(PY) $(FROM); \
	else \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(FROM); \
	fi
	@touch $(MARK)

$(BIN)/uv: $(PY)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(PY):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Name another with PYTHON=python3.12."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: on Debian and Ubuntu, apt install python3-venv."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Two commands for everybody: `make demo` shows Signpost at work, `make test` checks it.
# `make check` is the fast part of the tests (under a minute); `make help` lists the rest.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
EDITABLE ?= -e
PIP := $(BIN)/pip --disable-pip-version-check --quiet
# The first Python from 3.11 on that can make a virtual environment.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

.PHONY: help demo test check lint types layers unit faults install develop system lock texts screenshots bench clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: install ## play 21 simulated days and serve the result on http://127.0.0.1:$${PORT:-8000}
	@exec $(BIN)/signpost demo

test: develop system lint types layers ## everything that checks the project
	$(BIN)/python -m pytest -q -n 2

check: develop lint types layers unit ## the part of the tests that takes less than a minute

lint:
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .

types:
	$(BIN)/mypy --no-error-summary

layers:
	$(BIN)/lint-imports --no-logo

unit:
	$(BIN)/python -m pytest -q -n 2 -m "not slow" tests/unit tests/promises

faults: develop system ## the long fault runs, up to 40 minutes: kills, power cuts, outages, failovers, restarts
	SIGNPOST_FAULTS=full timeout -s INT -k 60 2400 $(BIN)/python -m pytest -q tests/faults tests/http/test_rolling.py

install: $(VENV)/.runtime ## the virtual environment with what runs the service

develop: $(VENV)/.development

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Signpost needs Python 3.11 or newer with venv (Debian: apt install python3 python3-venv)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps $(EDITABLE) .
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

system: ## redis-server and Chromium for the tests, where this user may install them
	@bash .ci/system-packages

lock: develop ## renew both lock files
	$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--upgrade --extra embedded setup.cfg -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--upgrade --extra embedded --extra dev setup.cfg -c requirements.lock -o requirements-dev.lock

texts: develop ## collect the texts of pages for translators in app/translations, and compile what they translated
	$(BIN)/pybabel -q extract -F pyproject.toml --omit-header --sort-by-file --add-location=file --no-wrap \
		-k lazy_gettext -k say -k many:1,2 -k mark -o app/translations/messages.pot app experiments
	@for po in $(wildcard app/translations/*/LC_MESSAGES/messages.po); do \
		$(BIN)/pybabel -q update --no-wrap -i app/translations/messages.pot -o $$po -l $$(cut -d/ -f3 <<< $$po) && \
		$(BIN)/pybabel -q compile -i $$po -o $${po%.po}.mo || exit 1; done

screenshots: develop system ## take the pictures of docs/pages.md anew
	$(BIN)/python -m pytest -q tests/browser/screenshots.py

bench: install ## every benchmark; the figures of docs/performance.md
	$(BIN)/python -m benchmarks

clean: ## remove the virtual environment and caches; data in var/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

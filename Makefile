# SPDX-FileCopyrightText: xapi.xen contributors
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= python3
WORKERS ?= 2
PY := .venv/bin/python
STAMP := .venv/.installed
# A path, so it reaches the demo through the environment and no shell reads it.
export IMAGE

.DEFAULT_GOAL := help
.PHONY: help demo test bench venv lint sanity docs clients clean FORCE

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(STAMP) ## Spawn a VM from a disk image on the embedded simulator (IMAGE=path, DEMO_ARGS=...)
	@$(PY) tests/support/demo.py $(DEMO_ARGS)

test: $(STAMP) ## Run unit, contract and integration tests (PYTEST_ARGS=... to choose)
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

bench: $(STAMP) ## Measure calls, seconds and memory beside other clients
	@$(PY) tests/bench $(BENCH_ARGS)

venv: $(STAMP) ## Make .venv with ansible-core and what the tests import

lint: ## Run every linter that CI runs
	@bash .ci/run lint

sanity: ## Run ansible-test sanity on every supported ansible-core
	@bash .ci/run sanity

docs: ## Check the documentation and render it to HTML
	@bash .ci/run docs

clients: $(STAMP) ## Fetch the foreign clients that some tests run against the simulator
	@$(PY) tests/support/fetch_clients.py

clean: ## Remove what the other targets made inside the clone
	rm -rf .venv .cache .ansible .mypy_cache .ruff_cache .pytest_cache dist docs/build tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment knows its own folder: one that moved with its clone is made again.
ifneq "$(shell cat .venv/.folder 2>/dev/null)" "$(CURDIR)"
$(STAMP): FORCE
endif

$(STAMP): requirements.txt tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "ansible-core 2.16 needs Python 3.10 or newer: make PYTHON=/path/to/it")'
	@echo 'Making .venv (once)'
	@$(PYTHON) -m venv --clear .venv || { echo 'On Debian: apt-get install python3-venv' >&2; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@pwd -P > .venv/.folder
	@touch $(STAMP)

# Every target does the set-up that it needs and is quick when nothing changed: what was installed is
# remembered by stamp files in .venv, newer than the lock file they came from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run region test check bench bench-replication bench-functions bench-balancer bench-start bench-pages

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WHEELS := $(PIP) install --only-binary :all:
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
CLIENTS := tests/clients
PAGES := package.json web examples/todo/web
REGION := .couchgrass/region.toml
# Node.js of the machine when it is new enough, else the wheel's, which lies in .venv/bin.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
NODE_IS_NEW := node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' >/dev/null 2>&1 && npm --version >/dev/null 2>&1

# $(call apt,package,what needs it): installs a Debian package as root or through sudo, or says what to do.
define apt
{ echo "installing $(1): $(2)"; \
  if ! command -v apt-get >/dev/null; then echo "$(2): please install $(1)" >&2; exit 1; \
  elif [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq $(1) >/dev/null; \
  elif command -v sudo >/dev/null; then sudo apt-get update -qq && sudo apt-get install -y -qq $(1) >/dev/null; \
  else echo "$(2): please run 'apt-get install $(1)' as root, then try again" >&2; exit 1; fi; }
endef

help: ## show the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26
	@echo "  ARGS=\"...\" is passed on: make test ARGS=\"-k conflict\", make run ARGS=\"--regions london,tokyo\""

setup: $(VENV)/.installed src/couchgrass/pages/.built ## make .venv/bin/couchgrass, with the web pages

run: setup $(VENV)/.node ## London and Dallas with the todo app behind one address, all in .couchgrass
	@exec env $(WITH_NODE) $(BIN)/couchgrass up $(ARGS)

region: setup $(VENV)/.node $(REGION) ## one region alone: database, functions and API gateway
	@exec env $(WITH_NODE) $(BIN)/couchgrass region $(or $(ARGS),$(REGION))

test: setup $(VENV)/.dev $(CLIENTS)/node_modules/.installed ## run the tests, real clients and a browser included
	@command -v chromium >/dev/null || $(call apt,chromium,the browser of the tests)
	@$(WITH_NODE) $(BIN)/python -m pytest $(ARGS)

check: setup $(VENV)/.dev ## lint, formatting, types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(WITH_NODE) npm run check --silent

bench: setup $(VENV)/.dev $(VENV)/.node ## measure beside pouchdb-server, print JSON
	@command -v wrk >/dev/null || $(call apt,wrk,the load generator of the benchmarks)
	@$(WITH_NODE) $(BIN)/python -m bench.docdb $(ARGS)

bench-replication: setup $(VENV)/.dev $(VENV)/.node ## the same for replication between two servers
	@$(WITH_NODE) $(BIN)/python -m bench.replication $(ARGS)

bench-functions: setup $(VENV)/.dev $(VENV)/.node ## measure functions and the gateway beside a plain function
	@command -v wrk >/dev/null || $(call apt,wrk,the load generator of the benchmarks)
	@$(WITH_NODE) $(BIN)/python -m bench.functions $(ARGS)

bench-balancer: setup $(VENV)/.dev $(VENV)/.node ## measure the balancer beside a bare Envoy
	@command -v wrk >/dev/null || $(call apt,wrk,the load generator of the benchmarks)
	@$(WITH_NODE) $(BIN)/python -m bench.balancer $(ARGS)

bench-start: setup $(VENV)/.dev $(VENV)/.node ## how long a start of two regions takes, and a killed region's return
	@$(WITH_NODE) $(BIN)/python -m bench.start $(ARGS)

bench-pages: setup $(VENV)/.dev $(CLIENTS)/node_modules/.installed ## how soon the pages can be used, beside Fauxton
	@command -v chromium >/dev/null || $(call apt,chromium,the browser of the benchmark)
	@$(WITH_NODE) $(BIN)/python -m bench.pages $(ARGS)
	@$(WITH_NODE) $(BIN)/python -m bench.site

# The first start makes the file; from then on it is its owner's.
$(REGION): | setup
	@mkdir -p $(@D)
	@$(BIN)/couchgrass region --example > $@
	@echo "$@ is the region's file: ports, limits and sign-in are set there"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call apt,python3-venv,the virtual environment)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@$(WHEELS) -r requirements.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.runtime pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src  # else each process of the first start compiles for itself
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@$(WHEELS) -r requirements-dev.txt
	@touch $@

$(VENV)/.node: requirements-node.txt | $(BIN)/python
	@$(NODE_IS_NEW) || $(WHEELS) -r requirements-node.txt
	@touch $@

node_modules/.installed: package.json package-lock.json web/package.json examples/todo/web/package.json | $(VENV)/.node
	@$(WITH_NODE) $(NPM_CI)
	@touch $@

# The pages are built when anything of theirs is newer.
src/couchgrass/pages/.built: node_modules/.installed $(shell find $(PAGES) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')
	@$(WITH_NODE) npm run build --silent
	@touch $@

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json $(VENV)/.node
	@cd $(CLIENTS) && $(WITH_NODE) $(NPM_CI)
	@touch $@

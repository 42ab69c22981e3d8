# make demo: images to look at; make lint, make test: the checks; make test-all: the slow tests too;
# make coverage: what make test reaches; make docs: the documentation as a site, in site/;
# make bench: the table of docs/bench.md anew.
# Everything runs in .venv, a virtual environment made once from requirements.lock.

SHELL := /bin/bash
VENV := .venv
IN_VENV := source $(VENV)/bin/activate &&
TOO_OLD := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c '$(TOO_OLD)' 2>/dev/null && command -v $$python && break; done)

.PHONY: bench demo test test-all coverage lint docs venv lock

demo: venv
	$(IN_VENV) dia demo demo
	$(IN_VENV) snakemake --cores all --configfile demo/config.yaml
	@echo "The images, all in $(CURDIR)/demo/results/index.html:"
	@find $(CURDIR)/demo/results -name overview.png -o -name video.mp4

# A worker for each core. Tests of a file mostly stay together, so that what they share is made once.
PYTEST := pytest -q --numprocesses logical --maxprocesses 8 --dist worksteal --durations 20

test: venv
	$(IN_VENV) $(PYTEST) -m 'not slow'

test-all: venv
	$(IN_VENV) $(PYTEST)

coverage: venv
	$(IN_VENV) $(PYTEST) -m 'not slow' --cov --cov-report=term:skip-covered

lint: venv
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) snakefmt --check Snakefile workflow dia_pipeline/project/Snakefile
	$(IN_VENV) lint-imports
	$(IN_VENV) mypy
	$(IN_VENV) codespell

bench: venv
	$(IN_VENV) python -m benchmarks.matchers --record benchmarks/records/matchers.json
	$(IN_VENV) python -m benchmarks.tables

docs: venv
	$(IN_VENV) NO_MKDOCS_2_WARNING=1 mkdocs build

venv: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	@$(or $(PYTHON),false) -c '$(TOO_OLD)' || { \
		echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(IN_VENV) pip install --requirement requirements.lock
	$(IN_VENV) pip install --no-deps --editable .
	touch $@

# The newest versions that pyproject.toml allows beside the pinned torch.
lock:
	$(PYTHON) -m venv --clear $(VENV)
	$(IN_VENV) pip install torch==2.13.0 '.[workflow,slurm,video,formats,descriptors,studio,demo,docs,dev]'
	$(IN_VENV) { grep '^#' requirements.lock; \
		pip freeze --exclude dia-pipeline | grep -vE '^(nvidia|cuda)' \
		| sed 's/+cpu$$//; s/^triton.*/&; platform_system == "Linux"/'; \
	} > requirements.new
	mv requirements.new requirements.lock

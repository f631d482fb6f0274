# `make` lists the targets. Everything is installed into .venv; nothing else is changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SOURCE ?= demo/videos/videos.csv
DATASET ?= demo/dataset
BENCH ?= scan
ARGS ?=
# The notice of mkdocs-material about its successor is no warning of ours.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench chaos hostile fuzz audit clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## the main job on Big Buck Bunny, or on yours: make demo SOURCE=~/Videos
	@if [ "$(SOURCE)" = demo/videos/videos.csv ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/vidcurate run "$(SOURCE)" -c configs/quickstart.yaml -d "$(DATASET)"
	@echo "The data set lies in $(DATASET)/export: README.md says what is in it."

test: .venv/installed-dev ## every test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: .venv/installed-dev ## format, lint, types, layers, docs current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.tools.write_reference --check
	$(SITE)

format: .venv/installed-dev ## put the code into its form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: .venv/installed-dev ## write the generated reference, and build the documents into site/
	$(BIN)/python -m scripts.tools.write_reference
	$(SITE)

bench: .venv/installed-dev ## one measurement: make bench BENCH=cuts ARGS="--media a.mp4"; BENCH= lists them
	$(BIN)/python -m scripts.benchmarks $(BENCH) $(ARGS)

chaos: .venv/installed ## kill a run at 50 random moments, and prove that nothing is lost; ARGS=VIDEO for yours
	@if [ -z "$(ARGS)" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.robustness.chaos $(or $(ARGS),demo/videos/big_buck_bunny.mp4)

hostile: .venv/installed ## a run over hundreds of damaged and hostile files; the outcome of each kind
	$(BIN)/python -m scripts.robustness.run_hostile $(ARGS)

fuzz: .venv/installed ## probe and scan of randomly damaged videos: make fuzz ARGS="--count 5000 --seed 7"
	$(BIN)/python -m scripts.robustness.fuzz $(ARGS)

audit: .venv/installed-dev ## bandit over our code, pip-audit over what is installed (needs the network)
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml vidcurate scripts
	$(BIN)/python -m pip freeze --exclude-editable > .venv/frozen.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement .venv/frozen.txt

clean: ## remove what make made
	rm -rf .venv demo build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/installed

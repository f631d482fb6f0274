# `make` says what there is. Everything lives in .venv; nothing else on the machine is changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SOURCE ?= demo/films/films.csv
DATASET ?= demo/dataset
FILMS ?= demo/films/*.mp4

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench bench-detectors clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## the main job on Big Buck Bunny, or on yours: make demo SOURCE=~/Videos
	@if [ "$(SOURCE)" = demo/films/films.csv ]; then $(BIN)/python scripts/fetch_film.py demo/films; fi
	$(BIN)/vidcurate run "$(SOURCE)" -c configs/quickstart.yaml -d "$(DATASET)"
	@echo "The data set lies in $(DATASET)/export: README.md says what is in it."

test: .venv/installed-dev ## every test
	$(BIN)/python -m pytest -n auto

check: .venv/installed-dev ## format, lint, types, layers, docs current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/write_reference.py --check

format: .venv/installed-dev ## put the code into its form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: .venv/installed-dev ## write the generated part of the README
	$(BIN)/python scripts/write_reference.py

bench: .venv/installed ## wall time of scan over that of a bare decode; FILMS=... for yours
	@if [ "$(FILMS)" = "demo/films/*.mp4" ]; then $(BIN)/python scripts/fetch_film.py demo/films; fi
	$(BIN)/python scripts/bench_scan.py $(FILMS)

bench-detectors: .venv/installed ## cuts from recorded signals against PySceneDetect's own run
	@if [ "$(FILMS)" = "demo/films/*.mp4" ]; then $(BIN)/python scripts/fetch_film.py demo/films; fi
	$(BIN)/python scripts/compare_detectors.py $(FILMS)

clean: ## remove what make made
	rm -rf .venv demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/installed

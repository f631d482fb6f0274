# `make` says what there is. Everything lives in .venv; nothing else on the machine is changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SOURCE ?= demo/videos/videos.csv
DATASET ?= demo/dataset
VIDEOS ?= demo/videos/*.mp4
VIDEO ?= demo/videos/big_buck_bunny.mp4
SHOTS ?= demo/shots/validation
QUICK ?= --quick
COUNT ?= 1000
SEED ?= 1
# The notice of mkdocs-material about its successor is no warning of ours.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

.DEFAULT_GOAL := help
.PHONY: help demo test check audit hostile fuzz chaos format docs bench bench-scaling bench-detectors bench-appearance bench-ray bench-cuts bench-consistency bench-dedup bench-scores bench-search bench-judge bench-chat bench-load bench-memory bench-motion bench-keyframes bench-safety bench-speech bench-text bench-watermark clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## the main job on Big Buck Bunny, or on yours: make demo SOURCE=~/Videos
	@if [ "$(SOURCE)" = demo/videos/videos.csv ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/vidcurate run "$(SOURCE)" -c configs/quickstart.yaml -d "$(DATASET)"
	@echo "The data set lies in $(DATASET)/export: README.md says what is in it."

test: .venv/installed-dev ## every test
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: .venv/installed-dev ## format, lint, types, layers, docs current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.tools.write_reference --check
	$(SITE)

audit: .venv/installed-dev ## bandit over our code, pip-audit over what is installed (needs the network)
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml vidcurate scripts
	$(BIN)/python -m pip freeze --exclude-editable > .venv/frozen.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement .venv/frozen.txt

hostile: .venv/installed ## a run over hundreds of damaged and hostile files; what became of each kind
	$(BIN)/python -m scripts.robustness.run_hostile

fuzz: .venv/installed ## probe and scan of randomly damaged videos: make fuzz COUNT=5000 SEED=7
	$(BIN)/python -m scripts.robustness.fuzz --count $(COUNT) --seed $(SEED)

chaos: .venv/installed ## kill a run at 50 random moments, and prove that nothing is lost; VIDEO=...
	@if [ "$(VIDEO)" = demo/videos/big_buck_bunny.mp4 ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.robustness.chaos "$(VIDEO)"

format: .venv/installed-dev ## put the code into its form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: .venv/installed-dev ## write the generated reference, and build the documents into site/
	$(BIN)/python -m scripts.tools.write_reference
	$(SITE)

bench: .venv/installed ## time of scan over that of a bare decode, and of every stage; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.scan $(VIDEOS)
	$(BIN)/python -m scripts.benchmarks.stages $(VIDEOS)

bench-scaling: .venv/installed ## wall time of scan with one worker over that with two; VIDEO=...
	@if [ "$(VIDEO)" = demo/videos/big_buck_bunny.mp4 ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.scaling "$(VIDEO)"

bench-detectors: .venv/installed ## cuts from recorded signals against PySceneDetect's own run
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.detectors $(VIDEOS)

bench-appearance: .venv/installed ## shots told apart and copies known again by appearance vectors
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.appearance $(VIDEOS)

bench-ray: .venv/installed-dev ## wall and CPU time of a scan on Ray over that of local workers
	$(BIN)/python -m scripts.tools.fetch_video demo/videos
	$(BIN)/python -m scripts.benchmarks.ray "$(VIDEO)"

bench-cuts: .venv/installed ## all shot detectors on videos of known truth; QUICK= for all videos
	$(BIN)/python -m scripts.tools.fetch_footage validation demo/footage
	@if [ ! -d "$(SHOTS)" ]; then $(BIN)/python -m scripts.training.prepare_shots demo/shots --validation demo/footage/*; fi
	$(BIN)/python -m scripts.benchmarks.cuts "$(SHOTS)" demo/cuts $(QUICK)

bench-motion: .venv/installed ## camera movements named right, on camera paths over stills; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.motion $(VIDEOS)

bench-scores: .venv/installed-dev ## what every judgement gets wrong, measured on little; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.tools.fetch_footage validation demo/footage
	$(BIN)/python -m scripts.tools.fetch_footage voices demo/voices
	$(BIN)/python -m scripts.benchmarks.scores $(VIDEOS) --footage demo/footage/* --voices demo/voices/*

bench-safety: .venv/installed-dev ## safe clips that safety suspects; VIDEOS=... for yours, all of them safe
	$(BIN)/python -m scripts.tools.fetch_footage validation demo/footage
	$(BIN)/python -m scripts.benchmarks.safety $(if $(filter demo/videos/*.mp4,$(VIDEOS)),demo/footage/*,$(VIDEOS))

bench-speech: .venv/installed-dev ## speech and music heard right, and loudness against ffmpeg's; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.tools.fetch_footage voices demo/voices
	$(BIN)/python -m scripts.benchmarks.speech $(VIDEOS) --voices demo/voices/*

bench-dedup: .venv/installed ## copies of shots found, and other shots taken for copies; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.dedup $(VIDEOS)

bench-search: .venv/installed ## time of exact search over a million clips, over that of a bare product
	$(BIN)/python -m scripts.benchmarks.search

bench-consistency: .venv/installed ## clips of two scenes told from clips of one; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.consistency $(VIDEOS)

bench-judge: .venv/installed ## faults of captions found, and good captions blamed; CAPTIONS=... for yours
	$(BIN)/python -m scripts.benchmarks.judge $(CAPTIONS)

bench-text: .venv/installed-dev ## text and overlays found over real video; VIDEOS=... for yours, which show no text
	$(BIN)/python -m scripts.tools.fetch_footage validation demo/footage
	$(BIN)/python -m scripts.benchmarks.text $(if $(filter demo/videos/*.mp4,$(VIDEOS)),demo/footage/*,$(VIDEOS))

bench-watermark: .venv/installed ## marks found over real video, by their opacity; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.watermark $(VIDEOS)

bench-keyframes: .venv/installed ## how well stills of each method stand for their clips; VIDEOS=... for yours
	@if [ "$(VIDEOS)" = "demo/videos/*.mp4" ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.keyframes $(VIDEOS)

bench-chat: .venv/installed ## how well captioning fills a server's slots
	$(BIN)/python -m scripts.benchmarks.chat

bench-memory: .venv/installed ## peak memory of a run over 10, 25 and 50 videos; VIDEO=...
	@if [ "$(VIDEO)" = demo/videos/big_buck_bunny.mp4 ]; then $(BIN)/python -m scripts.tools.fetch_video demo/videos; fi
	$(BIN)/python -m scripts.benchmarks.memory "$(VIDEO)"

bench-load: .venv/installed ## time and memory of commands over tables of a million clips
	$(BIN)/python -m scripts.benchmarks.load

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

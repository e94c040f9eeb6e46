# Every target uses the virtual environment that is active, or makes its own in .venv/ from requirements.lock.
# NAME=VALUE on the command line goes to the notebooks: make figures N_ITEMS=100 MODEL=path/to/model
# On a GPU-less machine whose package index offers CUDA builds only, TORCH_INDEX names one with CPU builds:
#   make figures TORCH_INDEX=https://download.pytorch.org/whl/cpu

SHELL := bash
.DELETE_ON_ERROR:
.PHONY: figures report audit test test-browser test-vocabularies lint site try slides lab train study card rows gap benchmarks clean help

PYTHON ?= python3
TORCH_INDEX ?=
BIN := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV)/bin,.venv/bin)
READY := $(BIN)/.companion-ready
OUT ?= reports
PARAMETERS = $(filter-out TORCH_INDEX=% PYTHON=% OUT=%,$(MAKEOVERRIDES))

figures: $(READY)  ## run the notebooks that changed, or what they read, and regenerate executed/ and figures/ (the main job)
	$(BIN)/companion figures $(PARAMETERS)

report: $(READY)  ## the report on a model of yours: MODEL=path/or/hub-id BENCHMARK=cv-bench,vstar N_ITEMS=300 OUT=folder
	$(BIN)/companion figures --out $(OUT) $(PARAMETERS)

audit: $(READY)  ## a model behind an API, within a budget: ENDPOINT=openai:o3 N_ITEMS=50 BUDGET=2 OUT=folder
	$(BIN)/companion figures --out $(OUT) $(PARAMETERS)

.PHONY: solutions
solutions: $(READY)  ## teachers' copies of the notebooks, exercises answered, into solutions/
	$(BIN)/python -m companion.teaching.exercises --solutions solutions

test: $(READY)  ## run the tests, 10 minutes; with FAST=1 the quick ones of every part, 3 minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(if $(FAST),-m "not slow")

test-browser: try  ## run the notebooks in JupyterLab, and the page Try it, in headless Chromium
	$(BIN)/python -m pip install -q --disable-pip-version-check selenium
	OMP_NUM_THREADS=1 $(BIN)/python tests/browser_lab.py
	$(BIN)/python tests/browser_try.py

test-vocabularies: $(READY)  ## letter probabilities over real tokenizers, which it installs
	$(BIN)/python -m pip install -q --disable-pip-version-check --constraint requirements.lock --editable '.[vocabularies]'
	$(BIN)/python -m pytest tests/test_vocabularies.py

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

site: $(BIN)/.companion-site  ## the executed notebooks and documents as web pages, in runs/site/html (built and checked without a network)
	rm -rf runs/site
	$(BIN)/sphinx-build -W --keep-going -q -c docs/site -d runs/site/doctrees . runs/site/html
	$(BIN)/python docs/site/try/make.py runs/site/html/try
	$(BIN)/python docs/site/check.py runs/site/html

try: $(READY)  ## the page Try it alone, in one file that any browser opens: the models answer under text of yours
	$(BIN)/python docs/site/try/make.py runs/try
	@echo "Open file://$(CURDIR)/runs/try/one-file.html"

slides: $(BIN)/.companion-slides  ## a deck of slides of each executed notebook, in runs/slides (they open without a network)
	rm -rf runs/slides
	$(BIN)/python docs/slides/make.py executed runs/slides
	$(BIN)/python docs/site/check.py runs/slides

lab: $(READY)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=. notebooks

train: $(READY)  ## train everything again, which takes hours; with RECIPE=rl-correct SEED=0 STEPS=20 a look at one run
ifdef RECIPE
	$(BIN)/companion train grpo --recipe $(RECIPE) --seed $(or $(SEED),0) $(if $(STEPS),--steps $(STEPS))
else
	$(BIN)/companion train base --out runs/base
	$(BIN)/companion train reference --seed 0,1,2,3,4 --out runs/gap/reference
	$(BIN)/companion train grpo --recipe rl-correct --seed 0,1,2,3,4
	$(BIN)/companion study --out runs/again/study
endif

study: $(READY)  ## make the runs of docs/study.md that are not recorded yet; resumes anywhere
	$(BIN)/companion study

card: $(READY)  ## measure the shipped checkpoints again and rewrite their model cards
	for folder in $(dir $(wildcard checkpoints/*/config.json)); do $(BIN)/companion card $$folder || exit 1; done

rows: $(READY)  ## evaluate the shipped checkpoints again, for notebooks 06 and 08, into results/rows (base is evaluated by notebook 01)
	for folder in misread-20 rl-correct reference; do \
		$(BIN)/companion evaluate --model checkpoints/$$folder --out results/rows || exit 1; done
	for folder in misread-0 misread-0-rl-correct rl-consistent rl-augmented rl-augmented-consistent rl-grounded; do \
		$(BIN)/companion evaluate --model checkpoints/$$folder --out results/rows --limit 300 \
		--perturbations plain,wrong-caption,wrong-think || exit 1; done
	$(BIN)/companion evaluate --model checkpoints/ladder/rl-correct-500 --out results/rows --limit 300 --perturbations plain
	for folder in ladder/rl-correct-500 rl-consistent; do $(BIN)/companion judge results/rows --judge replay --perturbations plain \
		--model checkpoints/$$folder || exit 1; done
	$(BIN)/companion pack results/rows

gap: $(READY)  ## ask reference and RL models again, opened and behind a server, for notebook 07, into results/gap
	$(BIN)/companion release --results runs/results --scratch runs/grpo --initial base --seed 0,1,2,3,4 --out runs/gap
	PATH=$(abspath $(BIN)):$$PATH bash scripts/gap.sh

benchmarks: $(READY)  ## time engine and GRPO against the usual ways, and see how many samples are enough; LMMS_PYTHON, VLLM_PYTHON: Pythons of environments with lmms-eval and vLLM
	$(BIN)/python benchmarks/engine.py
	$(if $(LMMS_PYTHON),$(BIN)/python benchmarks/lmms_eval/compare.py --lmms-python $(LMMS_PYTHON))
	$(if $(VLLM_PYTHON),PYTHONPATH=src:tests $(VLLM_PYTHON) benchmarks/vllm_cpu.py)
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/sample_size.py --csv results/sample_size.csv

clean:  ## forget all computed rows and what figures were made from (the next make figures makes all anew)
	rm -rf runs

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

# It holds what was installed, so that a checkout, which makes both files new, installs nothing again.
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	cat $^ | cmp -s - $@ || { rm -f $@ && \
		$(BIN)/python -m pip install -q --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.lock && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --editable .; }
	cat $^ > $@

$(BIN)/.companion-site: $(READY)
	$(BIN)/python -m pip install -q --disable-pip-version-check --constraint requirements.lock --editable '.[site]'
	touch $@

$(BIN)/.companion-slides: $(READY)
	$(BIN)/python -m pip install -q --disable-pip-version-check --constraint requirements.lock --editable '.[slides]'
	touch $@

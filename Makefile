# make repro   face images to shards: sets up .venv, runs the DVC pipeline, says where everything is
# make test    sets up .venv and passes the tests
# make fuzz    tries every reader of foreign bytes with damaged ones, SECONDS=600 each, and prints what was found
# make faults  injects faults of every kind, from kills to hostile names, and prints what became of them (docs/trust.md)
# make proof   trains recognition on LFW with and without erasing, SITTING=60 minutes, and writes docs/proof.md
# make proof-gpu  trains all arms of it, IResNet-18 as well, on one GPU in less than 12 minutes
# make docs    builds the site of the docs into .site/html, and holds its links
# make wheel-check  builds the sdist and the wheel, looks into them, and uses the wheel in a bare environment and in the pipeline's
# make python  passes the tests under another Python, PYTHON=python3.13; make oldest and make newest pass those of stores, loader,
#              exports and the pipeline with the oldest packages that pyproject.toml allows, and with the newest that there are
# make gpu     checks and times what runs on CUDA, in less than 8 minutes, with the .venv or else the Python that is there
PYTHON ?= python3
VENV := .venv
SUPPLY := .venv-supply
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
PIP := python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation
# What is built is built by what lock/build.txt brought. Of PyTorch the CPU build is taken where pip finds one, as where
# PIP_EXTRA_INDEX_URL names PyTorch's index; else PyPI's, which on Linux is the CUDA build and needs the packages of cuda.txt.
ALWAYS_LOCKED := lock/build.txt lock/torch.txt lock/torch-cpu.txt lock/cuda.txt
CPU_TORCH = $(shell sed -n 's/^torch==\([^ ]*\).*/\1/p' lock/torch-cpu.txt)
define INSTALL
	$(PIP) --require-hashes --only-binary :all: --requirement lock/build.txt
	@if python -m pip index versions torch 2>/dev/null | grep -qF '$(CPU_TORCH)'; \
	  then torch='--requirement lock/torch-cpu.txt'; \
	  else torch='--requirement lock/torch.txt --requirement lock/cuda.txt'; fi; \
	  echo $(PIP) --require-hashes --requirement $(1) $$torch; \
	  $(PIP) --require-hashes --requirement $(1) $$torch
	$(PIP) --editable .
endef

.PHONY: repro test fuzz faults proof proof-gpu docs wheel-check python oldest newest gpu lint lock licences sbom template clean

repro: $(VENV)/.pipeline
	dvc repro
	@# DVC takes a file for unchanged by its size and time; this reads it.
	faceshards verify data/shards --against manifests/shards.sha256
	@faceshards info data/shards --report reports/report.html

# A file at a time to a worker, in their order: what the tests of a file share is made once, and the longest come first.
# Python keeps what it compiles, whatever the environment says, for the tests start some hundred programs.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev
	pytest -n 2 --dist loadfile --no-loadscope-reorder

# Sets up nothing: a machine with a GPU may have its own PyTorch, and no network. GPU="--seconds 300" passes options on.
gpu:
	PYTHONPATH=pipeline $(PYTHON) benchmarks/gpu.py $(GPU)

SECONDS ?= 600
fuzz: $(VENV)/.dev
	python tests/fuzz/run.py --seconds $(SECONDS)

# FAULTS="--only swaps --times 20" passes options on.
faults: $(VENV)/.dev
	python tests/faults/run.py $(FAULTS)

# The store is made as docs/proof.md says. LFW is the folder with pairs.txt and people.txt.
LFW ?= LFW
LFW_SHARDS ?= data/lfw/data/shards
SITTING ?= 60
proof: $(VENV)/.dev
	OMP_NUM_THREADS=1 python -m examples.proof.run $(LFW_SHARDS) $(LFW) examples/proof/results --minutes $(SITTING)
	python -m examples.proof.page

# Sets up nothing, as `gpu`. LFW also holds lfw-deepfunneled.zip; what is trained goes to data/proof-gpu, and not to the page.
proof-gpu:
	PYTHONPATH=pipeline $(PYTHON) -m examples.proof.gpu $(LFW) data/proof-gpu data/proof-gpu/results --minutes 11

docs: $(VENV)/.dev
	python -m website.build

wheel-check: $(VENV)/.dev $(SUPPLY)/.made
	python tests/packaging/check.py --twine $(SUPPLY)/bin/twine

# Environments of their own, anew each time: what packages and Pythons are there changes. FILES="tests/unit" takes other tests.
python:
	tests/packaging/elsewhere.sh locked $(PYTHON) $(or $(FILES),tests)
oldest newest:
	tests/packaging/elsewhere.sh $@ $(PYTHON) $(FILES)

lint: $(VENV)/.dev docs
	ruff check
	ruff format --check
	mypy
	lint-imports

# The lock anew (lock/README.md): pins that still fit pyproject.toml stay; LOCK=--upgrade takes the newest releases.
lock: $(SUPPLY)/.made
	PATH=$(CURDIR)/$(SUPPLY)/bin:$$PATH $(SUPPLY)/bin/python lock/lock.py $(LOCK)

# docs/licences.md: the licence of each package of the lock, by pip's report of their metadata.
licences: $(SUPPLY)/.made
	PATH=$(CURDIR)/$(SUPPLY)/bin:$$PATH $(SUPPLY)/bin/python lock/licences.py

# What is installed in .venv, with hashes and licences, as CycloneDX: sbom.json.
sbom: $(VENV)/.pipeline $(SUPPLY)/.made
	$(SUPPLY)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file sbom.json $(VENV)/bin/python

# The files of a new data set, from this repository's own: after an edit of params.yaml, dvc.yaml or manifests. The demo
# faces are parsed on the CPU everywhere, so that dvc.lock holds where there is a GPU too.
TEMPLATE := pipeline/faceshards/project/template
template:
	sed 's/^  device: cpu$$/  device: auto/' params.yaml > $(TEMPLATE)/params.yaml.in
	sed '/^  code:/,/^$$/d' dvc.yaml > $(TEMPLATE)/dvc.yaml.in
	for name in demo facesynthetics-100 facesynthetics-1000 facesynthetics-100000 facesynthetics-100000-parts; do \
	  cp manifests/$$name.yaml $(TEMPLATE)/manifests__$$name.yaml.in; done
	cp manifests/landmarks.csv $(TEMPLATE)/manifests__landmarks.csv.in
	cp manifests/facesynthetics_sha256.parquet $(TEMPLATE)/manifests__facesynthetics_sha256.parquet.in
	cp manifests/.gitignore $(TEMPLATE)/manifests__dot-gitignore.in
	cp reports/.gitignore $(TEMPLATE)/reports__dot-gitignore.in
	cp .gitattributes $(TEMPLATE)/dot-gitattributes.in
	cp .dvc/.gitignore $(TEMPLATE)/dot-dvc__dot-gitignore.in
	cp .dvc/config $(TEMPLATE)/dot-dvc__config.in
	cp .dvc/plots/region_bars.json $(TEMPLATE)/dot-dvc__plots__region_bars.json.in

clean:
	rm -rf $(VENV) $(SUPPLY) data/.work

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "faceshards needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.pipeline: $(VENV)/.made pyproject.toml lock/pipeline.txt $(ALWAYS_LOCKED)
	@echo "Installing the locked dependencies into $(VENV) (about a minute)"
	$(call INSTALL,lock/pipeline.txt)
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml lock/dev.txt $(ALWAYS_LOCKED)
	@echo "Installing the locked dependencies into $(VENV) (about a minute)"
	$(call INSTALL,lock/dev.txt)
	@touch $@

$(SUPPLY)/.made: lock/supply.txt
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/$(PIP) --require-hashes --only-binary :all: --requirement lock/supply.txt
	@touch $@

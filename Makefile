# make repro   face images to shards: sets up .venv, runs the DVC pipeline, says where everything is
# make test    sets up .venv and passes the tests
# make fuzz    tries every reader of foreign bytes with damaged ones, SECONDS=600 each, and prints what was found
# make gpu     checks and times what runs on CUDA, in less than 8 minutes, with the .venv or else the Python that is there
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
PIP := python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: repro test fuzz gpu lint lock clean

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

lint: $(VENV)/.dev
	ruff check
	ruff format --check
	mypy
	lint-imports

# A new lock from a fresh environment, within the ranges of pyproject.toml.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable '.[dev]' torch==2.13.0
	.venv-lock/bin/python -m pip install --quiet --no-deps albumentations==2.0.8 albucore
	.venv-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) data/.work

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "faceshards needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.pipeline: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the locked dependencies into $(VENV) (about a minute)"
	$(PIP) --editable '.[pipeline]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the locked dependencies into $(VENV) (about a minute)"
	$(PIP) --editable '.[dev]'
	@# Without its dependencies, of which opencv-python-headless would take the place of opencv-python.
	$(PIP) --no-deps albumentations albucore
	@touch $@

"""Fixtures every test may use. Real frames lie outside the repository; where they are absent, their tests skip."""

import os
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# `make test` runs as many tests at once as the machine has cores. The threads that torch would start in each of them,
# and in the programs that they start, spin while they wait for one another: two thirds of the CPU time of a notebook.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Faces are parsed in this process and in others, after whatever else has used oneDNN: see `faceshards.build.parse`.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

# Or each `dvc init` leaves a file, and a program that tries to send it.
os.environ["DVC_NO_ANALYTICS"] = "1"

# How long an example takes depends on who else uses the machine; hangs are caught by pytest-timeout.
settings.register_profile("faceshards", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("faceshards")

ROOT = Path(__file__).resolve().parents[1]

# Before anything imports torchvision: what was once imported without it stays so.
runpy.run_path(str(ROOT / "tests/cpu_torchvision/sitecustomize.py"))


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """What a disk keeps when the power fails, no test can see; that all is kept when a process is killed, they do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", os.fstat)  # as that does, it refuses what is no open file
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real frames and labels beside the project; not part of it."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"no {path}: the real frames are not distributed with the project")
    return path


@pytest.fixture(scope="session")
def frames_zip(shared: Path) -> Path:
    """71 real FaceSynthetics frames in the official zip layout."""
    return shared / "facesynthetics" / "dataset_71.zip"


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on this machine are reached straight, whatever its environment says."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def small_params(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Params of the small pipeline, by `RunParams` (one worker if none are given)."""
    from small_pipeline import RunParams, small_params

    recipe = tmp_path_factory.mktemp("recipe") / "small.yaml"
    return lambda run=None: small_params(recipe, run or RunParams(workers=1))


@pytest.fixture(scope="session")
def small_run(small_params: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `data` folder of a finished small pipeline."""
    from small_pipeline import run_pipeline

    data = tmp_path_factory.mktemp("small") / "data"
    run_pipeline(small_params(), data)
    return data

"""The trainers of `examples` that need no torch: they learn, they resume, and JAX gets the loader's own memory.

docs/loader.md shows some of what runs here.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import train_numpy

ROOT = Path(__file__).resolve().parents[2]

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed, and faceshards does not need it"
)


@pytest.fixture
def shards(small_run: Path) -> Path:
    return small_run / "shards"


def run_example(name: str, *args: object) -> list[str]:
    """The lines that a script prints."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def shares(lines: list[str]) -> list[int]:
    """How many percent of the faces were recognised after each epoch."""
    return [int(line.split("%")[0].split()[-1]) for line in lines]


def test_the_numpy_trainer_learns_to_tell_the_people_of_the_training_split(shards: Path, tmp_path: Path) -> None:
    lines = run_example("train_numpy.py", shards, "--epochs", 12, "--checkpoint", tmp_path / "checkpoint.npz")
    assert shares(lines)[-1] == 100
    assert len(lines) == 12


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_training_that_was_stopped_goes_on_to_the_very_same_weights(
    after: int, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_numpy, "BATCH", 2)
    whole = train_numpy.train(shards, 3, tmp_path / "whole.npz")
    step, steps = train_numpy.step, iter(range(after))

    def stopping(*args: Any) -> None:
        if next(steps, None) is None:
            raise StoppedError
        step(*args)

    monkeypatch.setattr(train_numpy, "step", stopping)
    with pytest.raises(StoppedError):
        train_numpy.train(shards, 3, tmp_path / "stopped.npz")
    monkeypatch.setattr(train_numpy, "step", step)
    assert np.array_equal(train_numpy.train(shards, 3, tmp_path / "stopped.npz"), whole)


def test_a_checkpoint_is_never_half_written(shards: Path, tmp_path: Path) -> None:
    train_numpy.train(shards, 1, tmp_path / "checkpoint.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


@needs_jax
def test_the_jax_trainer_learns_to_tell_the_people_of_the_training_split(shards: Path) -> None:
    assert shares(run_example("train_jax.py", shards, "--epochs", 60))[-1] == 100


@needs_jax
def test_on_a_cpu_jax_uses_the_loaders_memory_and_the_loader_leaves_it_alone(shards: Path) -> None:
    import jax

    import faceshards
    from examples.train_jax import on_device

    with jax.default_device(jax.devices("cpu")[0]):
        faces = faceshards.open(shards, fields=["image"])
        taken = next(iter(batches := faces.batches(2)))["image"]
        batches.close()
        assert jax.device_put(taken).unsafe_buffer_pointer() == taken.ctypes.data
        held = list(on_device(faces.batches(2)))
        for _ in range(3):
            list(faces.batches(2, shuffle=True))  # would overwrite memory that was given back
        assert np.array_equal(np.concatenate([batch["image"] for batch in held]), faces[:]["image"])


@needs_jax
def test_batches_reach_jax_in_order_and_all_of_them_however_many_are_ahead() -> None:
    from examples.train_jax import on_device

    batches = [{"label": np.full(2, number)} for number in range(4)]
    for ahead in (0, 1, 7):
        assert [int(batch["label"][0]) for batch in on_device(batches, ahead)] == [0, 1, 2, 3]

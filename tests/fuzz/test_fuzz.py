"""A little of what `make fuzz` does: each target takes its seeds, what was found before, and some mutants."""

import importlib
import random
import sys
import warnings
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from bounds import MB, Tally, bounded, try_one
from mutate import mutated
from run import CORPUS, seeds_of

MODULES = ("source_targets", "table_targets", "weights_targets")
_MUTANTS = 12


@pytest.mark.parametrize("module", MODULES)
def test_readers_of_foreign_bytes_raise_errors_of_the_project_alone_within_bounds(module: str) -> None:
    targets = importlib.import_module(module)
    for name, target in targets.TARGETS.items():
        most = getattr(targets, "MEMORY", {}).get(name, 256 * MB)
        inputs, rng, tally = seeds_of(targets, name), random.Random(name), Tally()
        with warnings.catch_warnings(), bounded(most):
            warnings.simplefilter("ignore")
            for data in (*inputs, *(mutated(rng.choice(inputs), inputs, rng) for _ in range(_MUTANTS))):
                try_one(target, data, tally, most)
        assert tally.findings == {}, f"{name}: `python tests/fuzz/run.py {name}` shows more"


def test_every_target_has_seeds_and_what_was_found_belongs_to_one() -> None:
    targets = [importlib.import_module(module) for module in MODULES]
    for module in targets:
        assert set(module.TARGETS) == set(module.seeds())
    known = {name for module in targets for name in module.TARGETS}
    found = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert found & known
    if (Path(__file__).parent / "store_targets.py").exists():
        known |= set(importlib.import_module("store_targets").TARGETS)
    assert found <= known


def test_a_target_that_fails_or_takes_too_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounds.SECONDS_AN_INPUT", 0.2)
    kept = []

    def fails(data: bytes) -> None:
        if data == b"crash":
            raise KeyError("x")
        if data == b"memory":
            kept.append(bytearray(b"x") * (64 * MB))
        while data == b"hang":
            pass

    tally = Tally()
    for data in (b"good", b"crash", b"memory", b"hang"):
        try_one(fails, data, tally, 32 * MB)
    assert sorted(where.split(" at ")[0] for where in tally.findings) == ["KeyError", "TooLongError", "memory"]
    assert tally.inputs == 4
    assert tally.peak > 60 * MB

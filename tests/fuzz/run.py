"""Fuzz every reader of foreign bytes, each for some time in a process of its own, and print a table.

``python tests/fuzz/run.py --seconds 600`` or ``make fuzz SECONDS=600``; with names of targets it tries these alone.
Inputs are mutated from the seeds in code, from those in ``corpus/TARGET``, and from mutants that ended in a way of
their own. What is found lies in ``corpus/TARGET`` afterwards, and is tried first from then on. Exit status: 1 where
anything was found.
"""

import argparse
import importlib
import mmap
import os
import pickle
import random
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
CORPUS = Path(__file__).with_name("corpus")
MODULES = ("source_targets", "table_targets", "weights_targets", "store_targets")
_LONGEST = 1 << 17
_LONGEST_WAIT = 60
_MOST_KEPT = 1000
_HEAD = struct.Struct("<QQ")


def main() -> int:
    """Read the command line and try all targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names; all of them by default")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at once; one a core by default")
    given = parser.parse_args()
    waiting = [
        (module, name) for module in MODULES for name in _names(module) if not given.targets or name in given.targets
    ]
    print(f"{'target':24} {'inputs':>9} {'findings':>8} {'peak MB':>8} {'slowest s':>9}", flush=True)
    found = 0
    running: list[_Attempt] = []
    while waiting or running:
        while waiting and len(running) < given.jobs:
            running.append(_Attempt(*waiting.pop(0), given.seconds, given.seed))
        time.sleep(min(0.2, given.seconds))
        for attempt in [attempt for attempt in running if attempt.has_ended()]:
            running.remove(attempt)
            found += _told(attempt.name, attempt.tally())
    return 1 if found else 0


def _told(name: str, tally: "Tally") -> int:
    """Print a target's row, and keep what was found."""
    row = f"{name:24} {tally.inputs:9,} {len(tally.findings):8} {tally.peak / 2**20:8.0f} {tally.slowest:9.2f}"
    print(row, flush=True)
    for where, (what, data) in tally.findings.items():
        path = CORPUS / name / name_of(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"  {where}: {what} ({path.relative_to(ROOT)})", flush=True)
    return len(tally.findings)


def _names(module: str) -> list[str]:
    return list(importlib.import_module(module).TARGETS) if (Path(__file__).parent / f"{module}.py").exists() else []


class _Attempt:
    """A target tried in a child, which may crash or hang; the input that it is at lies in shared memory."""

    def __init__(self, module: str, name: str, seconds: float, seed: int) -> None:
        self.name = name
        self._at = mmap.mmap(-1, _HEAD.size + _LONGEST)
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 (the child writes into it as well)
        # The parent's, for a child that crashes removes nothing.
        self._folder = tempfile.TemporaryDirectory(prefix="faceshards-fuzz-")
        self._last, self._since = -1, time.monotonic()
        self._status = 0
        self._child = os.fork()
        if not self._child:
            self._try(module, seconds, random.Random(f"{seed} {name}"))

    def _try(self, module: str, seconds: float, rng: random.Random) -> None:
        status = 1
        tempfile.tempdir = self._folder.name
        # What readers warn of would tear the table apart.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 (the process ends with it)
        try:
            tally = _tried(module, self.name, seconds, rng, self._at)
            tally.ends.clear()
            pickle.dump(tally, self._told)
            self._told.flush()
            status = 0
        except Exception:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)

    def has_ended(self) -> bool:
        """Whether the child has ended; it is killed where it is too long at one input."""
        ended, self._status = os.waitpid(self._child, os.WNOHANG)
        if ended:
            return True
        now = _HEAD.unpack_from(self._at)[0]
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        elif time.monotonic() - self._since > _LONGEST_WAIT:
            os.kill(self._child, signal.SIGKILL)
        return False

    def tally(self) -> "Tally":
        """What came of it: a crash is a finding."""
        self._folder.cleanup()
        with self._told:
            self._told.seek(0)
            if self._status == 0:
                return pickle.load(self._told)  # noqa: S301 (of our own child)
        inputs, length = _HEAD.unpack_from(self._at)
        tally = Tally(inputs=inputs)
        data = self._at[_HEAD.size : _HEAD.size + length]
        tally.found("crash", f"the process ended with {self._status}", data)
        return tally


def _tried(module: str, name: str, seconds: float, rng: random.Random, at: mmap.mmap) -> "Tally":
    targets = importlib.import_module(module)
    target, most = targets.TARGETS[name], getattr(targets, "MEMORY", {}).get(name, 256 * MB)
    inputs = seeds_of(targets, name)
    for data in inputs:
        try_one(target, data, Tally(), most)  # what is loaded once counts for no input
    tally = Tally()

    def attempt(data: bytes) -> bool:
        data = data[:_LONGEST]
        _HEAD.pack_into(at, 0, tally.inputs + 1, len(data))
        at[_HEAD.size : _HEAD.size + len(data)] = data
        return try_one(target, data, tally, most)

    end = time.monotonic() + seconds
    with bounded(most):
        for data in inputs:
            attempt(data)
        pool = list(inputs)
        while time.monotonic() < end:
            data = mutated(rng.choice(pool), inputs, rng)
            if attempt(data) and len(pool) < _MOST_KEPT:
                pool.append(data)
    return tally


def seeds_of(targets: object, name: str) -> list[bytes]:
    """The inputs to begin with: those in code, and those of the corpus."""
    seeds = targets.seeds()[name]
    kept = sorted((CORPUS / name).iterdir()) if (CORPUS / name).is_dir() else []
    return [*([seeds] if isinstance(seeds, bytes) else seeds), *(path.read_bytes() for path in kept)]


sys.path[:0] = [str(Path(__file__).parent), str(TESTS), str(ROOT), str(ROOT / "pipeline")]
os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.simplefilter("ignore")
from bounds import MB, Tally, bounded, name_of, try_one  # noqa: E402
from mutate import mutated  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

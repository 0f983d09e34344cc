"""Inject faults of every kind and print what became of them: `make faults`.

``python tests/faults/run.py`` tries all rows; ``--only ROW`` (more than once) some of them, ``--times N`` at most N
faults each, and ``--seconds S`` begins none after S seconds. A row's columns are: faults tried, survived (the result
is what it is without the fault), named (an error of the project's own, or a face with a reason), failed (anything
else), and seconds. Exit status: 1 where anything failed.
"""

import argparse
import importlib
import json
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
MODULES = ("source_rows", "stage_rows", "memory_rows", "store_rows", "cache_rows", "suite_rows")
_SHOWN = 5


def main() -> int:
    """Read the command line and try the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="ROW", help="a row by its name, or by how that begins")
    parser.add_argument("--times", type=int, metavar="N", help="at most so many faults a row")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no fault after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="name the rows")
    given = parser.parse_args()
    chosen = [
        row for row in rows() if not given.only or any(row.name.startswith(beginning) for beginning in given.only)
    ]
    if given.list:
        print("\n".join(f"{row.name:24} {row.about}" for row in chosen))
        return 0
    if not chosen:
        parser.error(f"no row of this name; rows: {', '.join(row.name for row in rows())}")
    with tempfile.TemporaryDirectory(prefix="faceshards-faults-") as kept:
        os.environ["FACESHARDS_FAULTS"] = kept
        return _tried(chosen, given)


def _tried(chosen: list["Row"], given: argparse.Namespace) -> int:
    """Try rows and print their lines; the exit status."""
    print(f"{'row':24} {'tried':>6} {'survived':>8} {'named':>6} {'failed':>6} {'seconds':>7}", flush=True)
    start = time.monotonic()
    total: dict[str, int] = dict.fromkeys(Outcome, 0)
    for row in chosen:
        began = time.monotonic()
        counts: dict[str, int] = dict.fromkeys(Outcome, 0)
        wrong = []
        times = row.times if given.times is None else min(given.times, row.times or given.times)
        for outcome, what in _in_a_process(row, times, given.seed, start + given.seconds):
            counts[outcome] += 1
            total[outcome] += 1
            if outcome == Outcome.FAILED:
                wrong.append(what)
        print(_line(row.name, counts, time.monotonic() - began), flush=True)
        for what in wrong[:_SHOWN]:
            print(f"  {' '.join(what.split())}", flush=True)
        if not sum(counts.values()):
            print("  not run here", flush=True)
    print(_line("all", total, time.monotonic() - start))
    return 1 if total[Outcome.FAILED] else 0


def rows() -> list["Row"]:
    """All of them, in the table's order."""
    return [row for module in MODULES for row in importlib.import_module(module).ROWS]


def _line(name: str, counts: dict[str, int], seconds: float) -> str:
    held, named, failed = (counts[outcome] for outcome in Outcome)
    return f"{name:24} {sum(counts.values()):6} {held:8} {named:6} {failed:6} {seconds:7.1f}"


def _in_a_process(row: "Row", times: int, seed: int, deadline: float) -> Iterator[tuple[str, str]]:
    """Try a row in a child, which may crash; what its readers warn of would tear the table apart."""
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiver)
        status = 1
        try:
            silence = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(silence, standard)
            _try_all(row, times, seed, deadline, sender)
            status = 0
        finally:
            os._exit(status)
    os.close(sender)
    with os.fdopen(receiver) as lines:
        for line in lines:
            outcome, what = json.loads(line)
            yield outcome, what
    if status := os.waitpid(child, 0)[1]:
        yield Outcome.FAILED, f"the process that tried it ended with {status}"


def _try_all(row: "Row", times: int, seed: int, deadline: float, sender: int) -> None:
    os.fsync = os.fstat  # what a disk keeps when the power fails, no fault of these can show
    with tempfile.TemporaryDirectory(prefix="faceshards-faults-") as folder:
        try:
            for outcome, what in row.tries(Path(folder), times, random.Random(f"{seed} {row.name}")):
                os.write(sender, f"{json.dumps([outcome, what[:500]])}\n".encode())
                if time.monotonic() > deadline:
                    break
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"the row itself: {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            os.write(sender, f"{json.dumps([Outcome.FAILED, said])}\n".encode())
        os.chdir("/")


sys.path[:0] = [str(Path(__file__).parent), str(TESTS), str(ROOT), str(ROOT / "pipeline")]
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:4])  # for the programs that rows start
os.environ["NO_PROXY"] = "127.0.0.1"
warnings.simplefilter("ignore")
from outcomes import Outcome  # noqa: E402
from table import Row  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

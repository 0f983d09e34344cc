"""A stage killed at one of the moments at which it changes a file, and run again: a program that forks itself.

It is started with the project's folder, how often each stage is killed, and which stages are. It prints a JSON list of
``[stage, outcome, what]``.
"""

import json
import random
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from outcomes import Outcome
from stage_runs import STAGES, changes, differs, forget_shards, forked, in_work, prepare, run, said, tree


def kill_at(stage: str, point: int, clean: dict[str, str], work: set[str]) -> tuple[Outcome, str]:
    """Kill a stage just before its change number `point`, run it again, and compare all files with a clean run's."""
    what = f"{stage} killed at change {point}"
    forget_shards(stage)
    if (status := forked(partial(run, stage, point))) != -signal.SIGKILL:
        return Outcome.FAILED, f"{what}: it ended with {status}"
    if (status := forked(partial(run, stage))) != 0:
        return Outcome.FAILED, f"{what}: the run after it ended with {status}: {said()}"
    wrong = differs(clean, work)
    return (Outcome.FAILED, f"{what}: {wrong}") if wrong else (Outcome.HELD, what)


def kills(stage: str, times: int, rng: random.Random) -> Iterator[tuple[Outcome, str]]:
    """Kill a stage at so many of its changes."""
    count = changes(stage)
    clean, work = tree(), in_work()
    for point in sorted(rng.sample(range(1, count + 1), min(times, count))):
        yield kill_at(stage, point, clean, work)


def main(project: Path, times: int, killed: tuple[str, ...] = STAGES) -> None:
    """Run the stages that come before, then kill some of them."""
    prepare(project, max(killed, key=STAGES.index))
    rng = random.Random(0)
    print(json.dumps([[stage, *found] for stage in killed for found in kills(stage, times, rng)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]) or STAGES)

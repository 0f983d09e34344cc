"""What a worker process does: one shard at a time, after a check that it may."""

import pickle
import time
from typing import Any

from faceshards.build.workercheck import Demands, inspect
from faceshards.errors import WorkerError

_TELL_S = 0.5


class UnfitError(WorkerError):
    """This worker cannot do the tasks of the run. Names what differs."""


def run_shard(task: bytes, index: int, wanted: Demands | None, topic: str | None) -> None:
    """Run a task in a worker process.

    Args:
        task: it, pickled: a worker with other code is found out before it unpickles anything.
        index: its place among the tasks.
        wanted: what this worker must have; None where it cannot differ.
        topic: of the events that say how many faces are done, ``(index, faces)``; None where nobody sees them.

    Raises:
        UnfitError: this worker does not meet the demands.
    """
    if wanted is not None and (faults := inspect(wanted).faults):
        raise UnfitError("; ".join(faults))
    # Written by the process that started the run, and no file.
    pickle.loads(task).run(_Teller(index, topic))  # noqa: S301


def ready() -> None:
    """Do nothing: who can is able to take `run_shard` apart."""


class _Teller:
    """Tells how many faces are done, no oftener than a person can read it."""

    def __init__(self, index: int, topic: str | None) -> None:
        self._index = index
        self._topic = topic
        self._faces = 0
        self._told = time.monotonic()

    def __call__(self, faces: int) -> None:
        self._faces += faces
        if self._topic is not None and time.monotonic() - self._told > _TELL_S:
            worker: Any = _worker()
            worker.log_event(self._topic, (self._index, self._faces))
            self._told = time.monotonic()


def _worker() -> Any:
    from distributed import get_worker

    return get_worker()

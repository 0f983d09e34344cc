"""Handing tasks to the workers of a Dask cluster, and seeing to it that none is lost without a word.

Dask alone waits for ever where no worker comes, gives tasks to any worker that joins, and blames a worker's death on
every task that was to run there. So each task is given to one worker by its address, one at a time a thread.
"""

import pickle
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from faceshards.build.crew import Crew
from faceshards.build.progress import Progress
from faceshards.build.remote import UnfitError, run_shard
from faceshards.build.workercheck import Demands
from faceshards.counted import counted
from faceshards.errors import FaceShardsError, WorkerError
from faceshards.faulttext import FINAL

_ATTEMPTS = 3
_LOOK_S = 0.5


class Dispatch:
    """The run of a stage's tasks on a cluster.

    Args:
        client: of the cluster.
        tasks: one a shard.
        wanted: what every worker must have; None where workers cannot differ from this process.
        where: the scheduler's address, for messages.
        progress: of the stage.
    """

    def __init__(
        self, client: Any, tasks: Sequence[Any], wanted: Demands | None, where: str, progress: Progress
    ) -> None:
        self._client = client
        self._tasks = tasks
        self._wanted = wanted
        self._progress = progress
        self._run = uuid4().hex
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._crew = Crew(client, wanted, where, progress, self._events)
        self._waiting = deque(range(len(tasks)))
        self._running: dict[int, tuple[str, Any]] = {}
        self._failures: dict[int, list[str]] = defaultdict(list)
        self._handed = 0

    def run(self, timeout: float) -> None:
        """Run every task; wait up to `timeout` seconds for a worker where there is none.

        Raises:
            SchedulerError: the scheduler is gone, or does not answer.
            WorkerError: no worker came in time; one of the first cannot do the tasks; or a shard ended three of them.
            Exception: that of a task. One that fails with an error of the operating system is tried twice more.
        """
        if self._wanted is not None:
            self._crew.check_scheduler()
        if self._progress.shown:
            self._client.subscribe_topic(self._run, self._hear)
        looked = float("-inf")
        while self._progress.finished < len(self._tasks):
            if time.monotonic() - looked > _LOOK_S:
                gone = self._crew.look()
                looked = time.monotonic()
                for index, (address, _) in list(self._running.items()):
                    if address in gone:
                        self._try_again(index, f"{self._crew.named(address)} died or left", WorkerError)
                self._take_back(self._crew.stopped())
            self._crew.mind(timeout)
            self._hand_out()
            with suppress(Empty):
                self._events.get(timeout=_LOOK_S)()

    def _take_back(self, addresses: set[str]) -> None:
        """Let others do what waits at workers that have come to a standstill."""
        for index, (address, future) in list(self._running.items()):
            if address in addresses:
                del self._running[index]
                future.cancel()
                self._waiting.appendleft(index)

    def _hand_out(self) -> None:
        while self._waiting and (address := self._crew.take()) is not None:
            index = self._waiting.popleft()
            self._handed += 1
            future = self._client.submit(
                run_shard,
                pickle.dumps(self._tasks[index]),
                index,
                self._wanted,
                self._run if self._progress.shown else None,
                workers=[address],
                key=f"faceshards-{self._run}-{index}-{self._handed}",
            )
            self._running[index] = address, future
            future.add_done_callback(lambda done, index=index: self._events.put(partial(self._ended, index, done)))

    def _hear(self, event: tuple[float, tuple[int, int]]) -> None:
        self._events.put(partial(self._reached, *event[1]))

    def _reached(self, index: int, faces: int) -> None:
        if index in self._running:
            self._progress.reach(index, faces)

    def _ended(self, index: int, future: Any) -> None:
        address, running = self._running.get(index, ("", None))
        if running is None or running is not future:  # the worker was given up meanwhile
            return
        if running.status == "finished":
            del self._running[index]
            self._crew.give_back(address)
            self._progress.finish(index)
        elif running.status == "error":
            self._failed(index, address, running.exception())
        else:
            raise self._crew.lost(f"it no longer knows of {self._name(index)}")

    def _failed(self, index: int, address: str, error: Exception) -> None:
        from distributed import KilledWorker

        if isinstance(error, UnfitError):
            self._crew.dismiss(address, str(error))
            del self._running[index]
            self._waiting.appendleft(index)
        elif isinstance(error, KilledWorker):
            self._try_again(index, f"{self._crew.named(address)} died", WorkerError)
        elif isinstance(error, OSError) and not isinstance(error, FaceShardsError) and error.errno not in FINAL:
            self._crew.give_back(address)
            self._try_again(index, f"{self._crew.named(address)}: {error}", error)
        else:
            raise error

    def _try_again(self, index: int, what: str, error: Exception | type[WorkerError]) -> None:
        del self._running[index]
        self._failures[index].append(what)
        times = len(self._failures[index])
        if times < _ATTEMPTS:
            self._progress.tell(f"{what} while it made {self._name(index)}; it is tried again ({times} of {_ATTEMPTS})")
            self._waiting.append(index)  # last, so that a shard that can never be made holds up no other
            return
        if isinstance(error, Exception):
            raise error
        raise WorkerError(
            f"{self._name(index)} ended {counted(times, 'worker')}: {'; '.join(self._failures[index])}. Most often "
            "memory runs out: give each worker more, run fewer on a machine (run.workers), or make store.shard_rows "
            f"smaller. {self._progress}, and the next run goes on from there"
        )

    def _name(self, index: int) -> str:
        task = self._tasks[index]
        split = getattr(task, "split", None)
        of = f" of split {split}" if split is not None else ""
        return f"shard {getattr(task, 'shard', index)}{of}"

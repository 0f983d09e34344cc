"""The workers of a Dask cluster that may take a stage's tasks: watched, checked before their first task, waited for."""

import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from faceshards.build.gpus import VISIBLE
from faceshards.build.progress import Progress
from faceshards.build.remote import ready
from faceshards.build.workercheck import Demands, Report, inspect
from faceshards.counted import counted
from faceshards.errors import SchedulerError, WorkerError

ANSWER_S = 30
"""How long a scheduler or a worker may take for an answer of some bytes."""

_PAUSED_S = 10
_SILENT_S = 3
_REMIND_S = 60


_MORE_MEMORY = (
    "Give it more (dask worker --memory-limit), run fewer on a machine, or make store.shard_rows smaller, and start it "
    "anew."
)


class Crew:
    """The workers of a cluster.

    Args:
        client: of the cluster.
        wanted: what every worker must have; None where workers cannot differ from this process.
        where: the scheduler's address, for messages.
        progress: of the stage, which tells what is amiss.
        events: takes what is to be done, by the thread that runs the stage, when a check has ended.
    """

    def __init__(
        self,
        client: Any,
        wanted: Demands | None,
        where: str,
        progress: Progress,
        events: "SimpleQueue[Callable[[], None]]",
    ) -> None:
        self._client = client
        self._wanted = wanted
        self._where = where
        self._progress = progress
        self._events = events
        self._known: set[str] = set()
        self._checking: dict[str, tuple[int, float]] = {}
        self._reports: dict[str, Report] = {}
        self._unfit: dict[str, str] = {}
        self._free: dict[str, int] = {}
        self._paused: dict[str, float] = {}
        self._stopped: dict[str, int] = {}
        self._begun = False
        self._last_seen = self._next_word = time.monotonic()
        self._next_word += _SILENT_S

    def check_scheduler(self) -> None:
        """See that tasks can pass through the scheduler, which takes them apart on the way.

        Raises:
            SchedulerError: it has no faceshards, or another.
        """
        try:
            # `run_on_scheduler` would wait for ever for one that is stopped.
            self._client.sync(self._client._run_on_scheduler, ready, callback_timeout=ANSWER_S)
        except Exception as error:
            raise SchedulerError(
                f"the scheduler at {self._where} cannot pass tasks on ({error}). Start it with the environment and in "
                "the checkout of this run (docs/cluster.md)"
            ) from error

    def look(self) -> set[str]:
        """See who is there, and have those that are new checked.

        Returns:
            The addresses of workers that are gone since the last look.

        Raises:
            SchedulerError: the scheduler is gone, or does not answer.
        """
        threads: dict[str, int] = self._ask(self._client.scheduler.ncores)
        if self._client.status != "running":
            raise self.lost(f"the connection is {self._client.status}")
        gone, new = self._known - set(threads), set(threads) - self._known
        for address in gone:
            for kept in (self._checking, self._unfit, self._free, self._paused, self._stopped):
                kept.pop(address, None)
        self._known = set(threads)
        for address, (_, since) in list(self._checking.items()):
            if time.monotonic() - since > ANSWER_S:
                self._checked(address, TimeoutError())
        for address in sorted(new):
            if self._wanted is None:
                self._free[address] = threads[address]
            else:
                self._checking[address] = threads[address], time.monotonic()
                threading.Thread(target=self._check, args=(address, self._wanted), daemon=True).start()
        return gone

    def stopped(self) -> set[str]:
        """See which workers Dask has paused, as it does when they hold four fifths of the memory that they may.

        What such a worker is at goes on, and nothing else begins there; it is silent about both. One that Dask lets go
        on may take tasks again.

        Returns:
            The addresses of those that have come to a standstill since the last call, so that what was handed to them
            waits.

        Raises:
            SchedulerError: the scheduler is gone, or does not answer.
        """
        now, running = time.monotonic(), self._ask(self._client.scheduler.ncores_running)
        self._paused = {address: self._paused.get(address, now) for address in self._known - set(running)}
        for address in self._stopped.keys() & set(running):
            self._free[address] = self._stopped.pop(address)
        long = [one for one in self._free if now - self._paused.get(one, now) > _PAUSED_S]
        if not long:
            return set()
        workers = self._ask(partial(self._client.scheduler.identity, n_workers=-1))["workers"]
        still = {one for one in long if one in workers and not workers[one]["metrics"]["task_counts"].get("executing")}
        for address in still:
            self._free.pop(address)
            self._stopped[address] = workers[address]["nthreads"]
            held, most = (n >> 20 for n in (workers[address]["metrics"]["memory"], workers[address]["memory_limit"]))
            self._progress.tell(
                f"{self.named(address)} takes no tasks: Dask has paused it, for it holds {held:,} MB of the {most:,} "
                f"MB that it may. {_MORE_MEMORY}"
            )
        return still

    def _ask(self, what: Callable[..., Any]) -> Any:
        """What the scheduler answers.

        Raises:
            SchedulerError: it is gone, or does not.
        """
        try:
            return self._client.sync(what, callback_timeout=ANSWER_S)
        except Exception as error:  # comm errors are of many classes, and each means the same
            raise self.lost(f"{type(error).__name__}: {error}") from error

    def take(self) -> str | None:
        """The address of a worker with a thread to spare, which is taken; None where there is none."""
        able = [one for one in self._free if one not in self._paused]
        address = max(able, key=self._free.__getitem__, default=None)
        if (self._checking and not self._begun) or address is None or not self._free[address]:
            return None
        self._begun = True
        self._free[address] -= 1
        return address

    def give_back(self, address: str) -> None:
        """A thread of a worker is free again."""
        if address in self._free:
            self._free[address] += 1

    def dismiss(self, address: str, fault: str) -> None:
        """Give a worker no more tasks, and tell why."""
        self._free.pop(address, None)
        self._unfit[address] = fault
        self._progress.tell(f"{self.named(address)} takes no tasks: it {fault}.")

    def named(self, address: str) -> str:
        """The worker with its machine, for messages."""
        report = self._reports.get(address)
        return f"worker {address}" + (f" on {report.host}" if report else "")

    def lost(self, detail: str) -> SchedulerError:
        """What to raise where the scheduler is gone."""
        return SchedulerError(
            f"the scheduler at {self._where} is lost ({detail}). {self._progress}. Start it and its workers again, "
            "then run again: the run goes on from there"
        )

    def mind(self, timeout: float) -> None:
        """Say so where there is nobody to take tasks, and give up after `timeout` seconds.

        Raises:
            WorkerError: they are over.
        """
        now = time.monotonic()
        if self._free or self._checking:
            self._last_seen, self._next_word = now, now + _SILENT_S
        elif now - self._last_seen > timeout:
            raise WorkerError(
                f"{self._lack} and none came within {timeout:g} s. {self._remedy} To wait longer, raise "
                "run.worker_timeout; to run on this machine, set run.scheduler to null"
            )
        elif now > self._next_word:
            self._progress.tell(f"{self._lack}; waiting up to {timeout:g} s (run.worker_timeout). {self._remedy}")
            self._next_word = now + _REMIND_S

    @property
    def _lack(self) -> str:
        if self._wanted is None:
            return "no worker process of this machine is alive"
        blind = len(self._known) - len(self._unfit)
        kind = f"workers that see a GPU ({blind} see none)" if self._wanted.gpu else "workers"
        no_help = len(self._unfit) + len(self._stopped)
        unfit = f" but {no_help} that take no tasks" if no_help else ""
        return f"the scheduler at {self._where} has no {kind}{unfit}"

    @property
    def _remedy(self) -> str:
        if self._wanted is None:
            return "It is started anew when it dies; see whether memory is short."
        more = f"Of those that are there Dask has paused {len(self._stopped)}. {_MORE_MEMORY} " if self._stopped else ""
        return f"{more}Start one: cd {self._wanted.folder} && dask worker {self._where} --nthreads 1 (docs/cluster.md)."

    def _check(self, address: str, wanted: Demands) -> None:
        """Ask a worker what it is; in a thread of its own, for a worker may not answer."""
        try:
            found = self._client.run(inspect, wanted, workers=[address], on_error="return")[address]
        except Exception as error:
            found = error
        self._events.put(partial(self._checked, address, found))

    def _checked(self, address: str, found: Report | Exception) -> None:
        if address not in self._checking:
            return
        threads, _ = self._checking.pop(address)
        if isinstance(found, Report):
            self._reports[address] = found
            fault = "; ".join(found.faults)
        elif isinstance(found, TimeoutError):
            fault = f"does not answer within {ANSWER_S} s. Start it anew"
        elif isinstance(found, OSError):  # it went away meanwhile; where it is there again, it is another
            self._known.discard(address)
            fault = ""
        else:
            fault = (
                f"cannot run the check ({type(found).__name__}: {found}). Start it with the environment and the "
                "checkout of this run (docs/cluster.md)"
            )
        if isinstance(found, Report) and not fault:
            self._welcome(address, found, threads)
        elif fault and self._begun:
            self.dismiss(address, fault)
        elif fault:
            self._unfit[address] = fault
        if not self._begun and not self._checking and self._unfit:
            faults = "".join(f"\n- {self.named(address)} {fault}." for address, fault in self._unfit.items())
            raise WorkerError(
                f"{len(self._unfit)} of {counted(len(self._known), 'worker')} of {self._where} differ:{faults}"
            )

    def _welcome(self, address: str, report: Report, threads: int) -> None:
        if self._wanted is None or not self._wanted.gpu:
            self._free[address] = threads
            return
        if not report.gpus:
            return
        same = [
            other
            for other in self._free
            if (self._reports[other].host, self._reports[other].visible) == (report.host, report.visible)
        ]
        if same:
            self._progress.tell(
                f"{self.named(address)} and {self.named(same[0])} share a GPU; start one worker a GPU, each with its "
                f"own {VISIBLE} (docs/cluster.md)"
            )
        self._free[address] = threads

"""Where tasks run: worker processes of this machine, or a Dask cluster that somebody started."""

import asyncio
import json
import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from faceshards.counted import counted
from faceshards.errors import ParamsError, WorkerError

_CONNECT_S = 10
_STOP_S = 0.5
_START_S = 120
_END_S = 30

_WORKER_ENVIRONMENT = {
    # What fails in a worker is told by this process, once.
    "DASK_LOGGING__DISTRIBUTED": "critical",
    # glibc hands freed memory of this size back to the kernel at once: a worker that fills large arrays anew for each
    # shard then spends half its time on page faults. The settings count only from the start of a process.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
    # Dask looks at each worker's stack every ten milliseconds, for a page that nobody opens here: a tenth of its time.
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "False",
}


@contextmanager
def local_client(environments: Sequence[Mapping[str, str]], threads: int = 1) -> Iterator[Any]:
    """A Dask client with worker processes of this machine.

    Args:
        environments: for each worker, the environment variables that it has besides those of this process.
        threads: of each worker.

    Raises:
        WorkerError: the processes do not start.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    host = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard": False}
    options = {
        **host,
        "nthreads": threads,
        "memory_limit": 0,
        "silence_logs": logging.CRITICAL,
        "death_timeout": _START_S,
    }
    spawn = "distributed.nanny.pre-spawn-environ"
    kept = dict(os.environ)
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        # A nanny sets the variables of its workers in this process as well.
        stack.callback(os.environ.update, kept)
        stack.callback(os.environ.clear)
        stack.enter_context(dask.config.set({spawn: {**dask.config.get(spawn), **_WORKER_ENVIRONMENT}}))
        with _interrupts_held_back():
            try:
                cluster = SpecCluster(
                    scheduler={"cls": Scheduler, "options": {**host, "port": 0, "dashboard_address": ":0"}},
                    workers={
                        index: {"cls": Nanny, "options": {**options, "env": dict(environment)}}
                        for index, environment in enumerate(environments)
                    },
                    silence_logs=logging.CRITICAL,
                )
            except Exception as error:  # whatever the system lacks, Dask wraps it
                raise WorkerError(
                    f"expected {counted(len(environments), 'worker process', 'worker processes')} on this "
                    f"machine; they do not start ({_causes(error)}). See whether memory, processes (ulimit -u) or "
                    "open files (ulimit -n) are short; run.workers: 1 runs without them"
                ) from error
        stack.callback(_end, cluster)
        client = stack.enter_context(Client(cluster, set_as_default=False))
        try:
            yield client
        except BaseException:
            # What they are at is lost in any case; Dask by itself would wait some seconds for it.
            with suppress(TimeoutError):
                cluster.sync(_stop, list(cluster.workers.values()), callback_timeout=_END_S)
            raise


def _end(cluster: Any) -> None:
    # By itself Dask waits as long as it takes, and its processes end with this one in any case.
    with suppress(TimeoutError):
        cluster.close(timeout=_END_S)


def _causes(error: BaseException | None) -> str:
    """The first lines of an error and of those that led to it."""
    lines: dict[str, None] = {}
    while error is not None:
        lines[_first_line(error)] = None
        error = error.__cause__ or error.__context__
    return "; ".join(lines)


async def _stop(nannies: list[Any]) -> None:
    # A process that was killed may be slow to go. That must not take the place of the error that ended the run.
    await asyncio.gather(*(nanny.close(timeout=_STOP_S) for nanny in nannies), return_exceptions=True)


@contextmanager
def scheduler_client(scheduler: str) -> Iterator[Any]:
    """A client of the Dask scheduler at an address, or of the one that a scheduler file tells of.

    Raises:
        ParamsError: there is no such file, or no Dask scheduler answers within 10 seconds.
    """
    from distributed import Client

    address = scheduler_address(scheduler)
    with _quiet():
        try:
            kind = asyncio.run(asyncio.wait_for(_kind(address), _CONNECT_S))
            client = Client(address, timeout=_CONNECT_S, set_as_default=False) if kind == "Scheduler" else None
        except Exception as error:  # what answers there, if it is no Dask, may make Dask stumble anywhere
            raise _no_scheduler(address, _first_line(error)) from error
        if client is None:
            raise _no_scheduler(address, f"a Dask {kind} answers")
        try:
            yield client
        finally:
            client.close(timeout=2)


async def _kind(address: str) -> str:
    """What answers at an address, by Dask's name for it: ``"Scheduler"``, ``"Worker"``."""
    from distributed import rpc

    async with rpc(address) as remote:
        return str((await remote.identity())["type"])


def _no_scheduler(address: str, found: str) -> ParamsError:
    return ParamsError(
        f"run.scheduler: expected a Dask scheduler at {address}; found none within {_CONNECT_S:g} s ({found}). Start "
        "it with `dask scheduler --port 8786` and check the address, or set null to run on this machine"
    )


def scheduler_address(scheduler: str) -> str:
    """The address that `run.scheduler` stands for: itself, or what the scheduler file of that path says.

    Raises:
        ParamsError: it is neither an address nor the path of a scheduler file.
    """
    if "://" in scheduler:
        return scheduler
    path = Path(scheduler)
    if not path.is_file():
        raise ParamsError(
            f"run.scheduler: expected an address (tcp://host:8786) or the path of a scheduler file; found no file at "
            f"{scheduler}. Start the scheduler with `dask scheduler --scheduler-file {scheduler}`, or set null to run "
            "on this machine"
        )
    try:
        address = json.loads(path.read_text())["address"]
        if not isinstance(address, str):
            raise ValueError(f"address {address!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ParamsError(
            f"run.scheduler: expected a file that `dask scheduler --scheduler-file {scheduler}` wrote; found no "
            f"address in it ({_first_line(error)}). Start the scheduler anew"
        ) from error
    return address


@contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong with workers is told once, in our words; Dask tells it again and again, with tracebacks."""
    from distributed.utils import silence_logging_cmgr

    with silence_logging_cmgr(logging.CRITICAL):
        yield


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start threads and processes that never get Ctrl-C; here it counts when the context ends."""
    came: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if in_main else None
    # Children and threads inherit the mask. The terminal sends Ctrl-C to all of them, and each would print a traceback.
    # The start of this tracker takes the signal out of the mask of the thread that needs it first.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

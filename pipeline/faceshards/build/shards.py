"""Running one task a shard: in this process, on the cores of this machine, or on a Dask cluster.

Tasks are independent and write what they make themselves, so that nothing large travels and the bytes are the same
however many workers there are.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from faceshards.build.params import RunParams
from faceshards.errors import ParamsError


class ShardTask(Protocol):
    """What is done for one shard. Picklable."""

    @property
    def faces(self) -> int:
        """How many faces the shard has, for the progress bar."""
        ...

    def run(self, advance: Callable[[int], object]) -> None:
        """Do it; call `advance` with the number of faces done since the last call."""
        ...


T = TypeVar("T", bound=ShardTask)

_CONNECT_S = 30

# glibc hands freed memory of this size back to the kernel at once: a worker that fills large arrays anew for each shard
# then spends half its time on page faults. The settings count only from the start of a process.
_KEEP_FREED_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def worker_count(run: RunParams, tasks: int) -> int:
    """How many processes of this machine share so many tasks: at least 1."""
    cores = os.cpu_count() or 1
    return max(1, min(cores if run.workers == "auto" else run.workers, tasks))


def threads_per_worker(run: RunParams, tasks: int) -> int:
    """How many threads each of those processes may use, so that together they fill the machine's cores."""
    return max(1, (os.cpu_count() or 1) // worker_count(run, tasks))


def run_tasks(tasks: Sequence[T], run: RunParams, label: str) -> None:
    """Run every task, with a progress bar in faces.

    Args:
        tasks: one a shard that is not committed yet.
        run: how many workers, or which Dask scheduler.
        label: what stands before the bar.

    Raises:
        ParamsError: no scheduler answers at the address.
        Exception: the first task's that failed; the others of its window are cancelled.
    """
    workers = worker_count(run, len(tasks))
    total = sum(task.faces for task in tasks)
    with tqdm(total=total, desc=label, unit="face", smoothing=0, disable=None) as bar:
        if run.scheduler is None and workers == 1:
            for task in tasks:
                task.run(bar.update)
        else:
            with _client(workers, run.scheduler) as client:
                for faces in _windowed(client, tasks):
                    bar.update(faces)


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        with _connected(scheduler) as client:
            yield client
        return
    with (
        dask.config.set(
            {
                "distributed.nanny.pre-spawn-environ": {
                    **dask.config.get("distributed.nanny.pre-spawn-environ"),
                    **_KEEP_FREED_MEMORY,
                }
            }
        ),
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _connected(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ParamsError(
            f"run.scheduler: expected a Dask scheduler at {scheduler}; {error}. Start it with `dask scheduler`, or set "
            "null to run on this machine"
        ) from error


def _windowed(client: Any, tasks: Sequence[T]) -> Iterator[int]:
    """Keep two tasks a thread in flight, so that the scheduler holds few of a million."""
    from distributed import as_completed

    waiting = iter(tasks)

    def submit() -> list[Future[int]]:
        task = next(waiting, None)
        return [] if task is None else [client.submit(_run, task, retries=2, pure=False)]

    window = 2 * max(sum(client.nthreads().values()), 1)
    running = as_completed([future for _ in range(window) for future in submit()])
    for future in running:
        yield future.result()
        future.release()
        for fresh in submit():
            running.add(fresh)


def _run(task: ShardTask) -> int:
    task.run(lambda _: None)
    return task.faces

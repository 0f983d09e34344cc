"""Running one task a shard: in this process, on the cores or GPUs of this machine, or on a Dask cluster.

Tasks are independent and write what they make themselves, so that nothing large travels and the bytes are the same
however many workers there are.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Protocol

from faceshards.build.cluster import local_client, scheduler_address, scheduler_client
from faceshards.build.dispatch import Dispatch
from faceshards.build.gpus import AT_ONCE, VISIBLE, gpu_bindings, gpu_count, shown
from faceshards.build.params import RunParams
from faceshards.build.progress import Progress
from faceshards.build.workercheck import demands


class ShardTask(Protocol):
    """What is done for one shard. Picklable.

    A task that has a folder `work` (the unfinished store), a `split` or a `shard` is known by these in messages and in
    the checks of a cluster's workers.
    """

    @property
    def faces(self) -> int:
        """How many faces the shard has, for the progress bar."""
        ...

    def run(self, advance: Callable[[int], object]) -> None:
        """Do it; call `advance` with the number of faces done since the last call."""
        ...


_FACES_A_PROCESS = 500
"""Fewer are done in the seconds that a process takes to start."""


def worker_count(run: RunParams, faces: Sequence[int]) -> int:
    """How many processes of this machine share tasks of so many faces each: at least 1."""
    busy = min(os.cpu_count() or 1, sum(faces) // _FACES_A_PROCESS)
    return max(1, min(busy if run.workers == "auto" else run.workers, len(faces)))


def threads_per_worker(run: RunParams, faces: Sequence[int], *, gpu: bool = False) -> int:
    """How many threads each task may use, of tasks of so many faces each.

    On this machine the workers together fill its cores, or with `gpu` those of its GPUs do, `AT_ONCE` tasks each. A
    worker of a cluster has one: how many share a machine is for whoever starts them.
    """
    if gpu and run.scheduler is None:
        return max(1, (os.cpu_count() or 1) // (AT_ONCE * len(_environments(worker_count(run, faces), gpu))))
    return 1 if run.scheduler is not None else max(1, (os.cpu_count() or 1) // worker_count(run, faces))


def run_tasks(tasks: Sequence[ShardTask], run: RunParams, label: str, *, gpu: bool = False) -> None:
    """Run every task, with a progress bar in faces.

    Args:
        tasks: one a shard that is not committed yet; all of one class.
        run: how many workers, or which Dask scheduler.
        label: the stage, which stands before the bar and in messages.
        gpu: the tasks run on CUDA. On this machine there is one worker a GPU, each bound to its own, with `AT_ONCE`
            tasks in threads; of a cluster, only workers that see a GPU take tasks, one at a time a thread.

    Raises:
        ParamsError: no Dask scheduler answers at the address.
        SchedulerError: the scheduler is gone, or does not answer.
        WorkerError: no worker came in time; one has other code, releases or data than this process; or three workers in
            a row died of one shard.
        KeyboardInterrupt: the run was stopped by hand; its message says how far it was.
        Exception: that of the first task that failed. Those that run elsewhere are let go.

    Example:
        >>> run_tasks([], RunParams(workers=2), "erase")
    """
    if not tasks:
        return
    faces = [task.faces for task in tasks]
    with Progress(label, faces) as progress:
        try:
            if run.scheduler is not None:
                where = scheduler_address(run.scheduler)
                with scheduler_client(where) as client, demands(tasks, gpu) as wanted:
                    Dispatch(client, tasks, wanted, where, progress).run(run.worker_timeout)
                return
            environments = _environments(worker_count(run, faces), gpu)
            if len(environments) > 1:
                with local_client(environments, AT_ONCE if gpu else 1) as client:
                    Dispatch(client, tasks, None, "this machine", progress).run(run.worker_timeout)
                return
            if gpu:
                _run_in_threads(tasks, progress)
                return
            for index, task in enumerate(tasks):
                task.run(partial(progress.add, index))
                progress.finish(index)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"{label}: stopped by hand; {progress}, and the next run goes on from there"
            ) from None


def _run_in_threads(tasks: Sequence[ShardTask], progress: Progress) -> None:
    """Run tasks of one GPU in this process, `AT_ONCE` at a time; none is begun after one that failed."""
    with ThreadPoolExecutor(AT_ONCE, "shard") as pool:
        running = {pool.submit(task.run, partial(progress.add, index)): index for index, task in enumerate(tasks)}
        try:
            for done in as_completed(running):
                done.result()
                progress.finish(running[done])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _environments(workers: int, gpu: bool) -> list[dict[str, str]]:
    """What the environment of each worker process of this machine has besides that of this one."""
    if not gpu:
        return [{}] * workers
    return [{VISIBLE: name} for name in gpu_bindings(gpu_count(), shown(), workers)]

"""Dask schedulers and workers as processes of their own, as somebody would start them by hand."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from distributed import LocalCluster

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "pipeline", ROOT / "tests")


@contextmanager
def scheduler(host: str = "127.0.0.1") -> Iterator[LocalCluster]:
    """A scheduler in this process, without workers."""
    with LocalCluster(n_workers=0, processes=False, protocol="tcp://", host=host, dashboard_address=":0") as cluster:
        yield cluster


@contextmanager
def worker(
    address: str, folder: Path, sources: Sequence[Path] = SOURCES, within: Sequence[str] = (), memory: str = "0"
) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker of one thread in a folder, with `sources` in front of its path; `within` is a command before its own.

    `memory` is how much it may hold, and 0 for any amount.
    """
    command = [*within, sys.executable, "-m", "distributed.cli.dask_worker", address]
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", memory]
    with process([*command, *options], folder, sources) as started:
        yield started


@contextmanager
def scheduler_process(
    folder: Path, sources: Sequence[Path] = SOURCES
) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """A scheduler as a process of its own; gives its scheduler file, and the process."""
    file = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with process([*command, "--no-dashboard", "--scheduler-file", str(file)], folder, sources) as started:
        wait_for(lambda: file.exists() and file.stat().st_size > 0)
        yield file, started


@contextmanager
def process(
    command: Sequence[str], folder: Path, sources: Sequence[Path] = SOURCES
) -> Iterator["subprocess.Popen[bytes]"]:
    """A command whose output nobody reads; killed at the end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    started = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds, for two minutes at most."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

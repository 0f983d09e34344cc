"""Dask schedulers and workers as processes of their own, as somebody would start them by hand."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
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


@contextmanager
def meanwhile(condition: Callable[[], bool], action: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as a condition holds: an action, or a context that lasts as long as this."""
    with ExitStack() as stack:

        def do() -> None:
            wait_for(condition)
            done = action()
            if isinstance(done, AbstractContextManager):
                stack.enter_context(done)

        thread = threading.Thread(target=do)
        thread.start()
        try:
            yield
        finally:
            thread.join()


@contextmanager
def other_host() -> Iterator[tuple[str, list[str]]]:
    """Our address as another host sees it, and the command that runs something on that host."""
    name, ours, theirs = f"faceshards{os.getpid()}", f"fs{os.getpid()}a", f"fs{os.getpid()}b"
    net = f"10.{os.getpid() // 250 % 250}.{os.getpid() % 250}"

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    with ExitStack() as stack:
        try:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
            ip("addr", "add", f"{net}.1/30", "dev", ours)
            ip("link", "set", ours, "up")
            ip("-n", name, "addr", "add", f"{net}.2/30", "dev", theirs)
            ip("-n", name, "link", "set", theirs, "up")
            within = ["ip", "netns", "exec", name, "unshare", "-u", "sh", "-c", 'hostname otherhost && exec "$@"', "sh"]
            subprocess.run([*within, "unshare", "-m", "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield f"{net}.1", within

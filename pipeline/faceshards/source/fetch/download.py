"""Downloading a set of files: in parallel ranges, resumable after a kill, whole or not there at all.

Why no library: none of pooch, huggingface_hub and pypdl asks with If-Range, without which bytes of two versions mix
when the server changes a file; pooch begins anew after a kill.
"""

import hashlib
import shutil
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from faceshards.counted import counted
from faceshards.errors import DownloadError
from faceshards.source.fetch.http import BY_HAND, open_session
from faceshards.source.fetch.partfile import PartFile, sweep
from faceshards.source.fetch.remote import RangeIgnoredError, RemoteChangedError, RemoteFile, Transfer, probe, stream

_STARTS = 3


def fetch(
    files: Sequence[RemoteFile], into: Path, *, transfer: Transfer | None = None, progress: bool = True
) -> list[Path]:
    """Download files, one after the other, each over several connections; those already there are left alone.

    Args:
        files: what to fetch.
        into: the folder to fill, made where missing. Call again with the same folder to go on after a kill.
        transfer: how; None for the defaults.
        progress: whether to show a bar with rate and time left, on a terminal.

    Returns:
        The paths of the files, in the order given.

    Raises:
        DownloadError: a file cannot be had, is not what the recipe says, or does not fit on the disk.
    """
    transfer = transfer or Transfer()
    into.mkdir(parents=True, exist_ok=True)
    absent = [file for file in files if not is_there(into / file.name, file)]
    with open_session() as session:
        remotes = [probe(session, file, transfer) for file in absent]
    parts = [
        PartFile(into / file.name, remote, transfer.block_bytes) for file, remote in zip(absent, remotes, strict=True)
    ]
    missing = sum(len(block) for part in parts for block in part.missing)
    _require_space(into, missing)
    total = sum(part.remote.size for part in parts)
    with tqdm(
        desc="download",
        total=total,
        initial=total - missing,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None if progress else True,
    ) as bar:
        for file, part in zip(absent, parts, strict=True):
            _fetch_file(file, part, transfer, bar)
    for file in files:
        sweep(into / file.name)  # of those that were there already: a kill may have come just after the rename
    return [into / file.name for file in files]


def is_there(path: Path, file: RemoteFile) -> bool:
    """Whether a file has its final name, which it gets only once it is whole, and is the one that the recipe names."""
    if not path.is_file() or file.bytes not in (None, path.stat().st_size):
        return False
    if file.sha256 is None:
        return True
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


def _require_space(into: Path, needed: int) -> None:
    free = shutil.disk_usage(into).free
    if needed > free:
        raise DownloadError(
            f"{into}: still to come: {counted(needed, 'byte')}; free: {free:,}; make room and run again"
        )


def _fetch_file(file: RemoteFile, part: PartFile, transfer: Transfer, bar: "tqdm[NoReturn]") -> None:
    """Fetch one file, starting afresh where the server changes it or turns out to ignore ranges."""
    bar_start = bar.n - part.remote.size + sum(map(len, part.missing))
    for _ in range(_STARTS):
        try:
            with part:
                _fill(part, transfer, bar)
        except RemoteChangedError:
            with open_session() as session:
                remote = probe(session, file, transfer)
        except RangeIgnoredError:
            remote = replace(part.remote, ranges=False)
        else:
            part.commit(file.sha256)
            return
        part.discard()
        bar.total = (bar.total or 0) + remote.size - part.remote.size
        bar.update(bar_start - bar.n)
        part = PartFile(part.path, remote, transfer.block_bytes)
    raise DownloadError(f"{file.url}: the server changed the file {_STARTS} times while it came in. {BY_HAND}")


def _fill(part: PartFile, transfer: Transfer, bar: "tqdm[NoReturn]") -> None:
    """Fetch the missing blocks over several connections; the first failure stops them all."""
    pending = deque(part.missing)
    stop = threading.Event()
    bar_lock = threading.Lock()

    def fetch_blocks() -> None:
        with open_session() as session:
            while pending and not stop.is_set():
                try:
                    block = pending.popleft()
                except IndexError:  # another thread was quicker
                    return
                position = block.start
                for offset, chunk in stream(session, part.remote, block, transfer, stop):
                    part.write(offset, chunk)
                    with bar_lock:
                        bar.update(offset + len(chunk) - position)  # negative where a stream starts again
                    position = offset + len(chunk)
                if position == block.stop:
                    part.finish(block)

    with ThreadPoolExecutor(transfer.connections, "download") as pool:
        workers = [pool.submit(fetch_blocks) for _ in range(min(transfer.connections, len(pending)))]
        try:
            wait(workers, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for worker in workers:
        worker.result()

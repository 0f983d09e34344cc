"""Whether a worker of a cluster can do a stage's tasks: same code, releases and files, a GPU where one is needed.

A worker that differs would write other bytes without a word, or fail with an error that says nothing of the cause.
"""

import io
import os
import pickle
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from faceshards.build.code import changes, code_of
from faceshards.build.gpus import gpu_count, shown

_PACKAGES = (
    "faceshards",
    "dlib-bin",
    "numcodecs",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "pillow-heif",
    "pyarrow",
    "torch",
    "zarr",
    "zstandard",
)
"""What writes pixels or files. Where a package is missing on both sides, they agree."""

_NAMED = 3
"""How many files a message names."""


@dataclass(frozen=True)
class Demands:
    """What every worker must have, as it is where the command runs.

    Attributes:
        maker: the module of the tasks.
        code: `code_of` that module, as pairs.
        releases: versions without build tags by package, None for one that is not installed.
        folder: where the command runs; relative paths of the tasks start there.
        paths: what the tasks read and write, with the size in bytes of each file and None for a folder.
        mark: a file in the run's folder of work, and what it holds; None where the tasks have no such folder.
        gpu: tasks run on CUDA.
    """

    maker: str
    code: tuple[tuple[str, str], ...]
    releases: tuple[tuple[str, str | None], ...]
    folder: str
    paths: tuple[tuple[Path, int | None], ...]
    mark: tuple[Path, str] | None
    gpu: bool


@dataclass(frozen=True)
class Report:
    """What a worker is.

    Attributes:
        host: name of its machine.
        faults: what differs from the demands, a sentence each with its remedy; none where it can do the tasks.
        gpus: how many GPUs it sees; 0 where the tasks need none.
        visible: the value of ``CUDA_VISIBLE_DEVICES`` there.
    """

    host: str
    faults: tuple[str, ...]
    gpus: int = 0
    visible: str | None = None


@contextmanager
def demands(tasks: Sequence[Any], gpu: bool) -> Iterator[Demands]:
    """What the tasks demand of a worker; the mark in the folder of work is there as long as the context lasts.

    Paths are those that travel with the first task: all tasks of a stage read and write in the same places. The mark
    lies beside the folder ``work`` of the tasks, where no out takes it up.
    """
    first = tasks[0]
    work: Path | None = getattr(first, "work", None)
    mark = None if work is None else (work.parent / f"{work.name.rpartition('-')[0]}.workers", uuid4().hex)
    if mark is not None:
        mark[0].write_text(mark[1])
    try:
        yield Demands(
            maker=type(first).__module__,
            code=tuple(code_of(type(first).__module__).items()),
            releases=tuple(_releases().items()),
            folder=str(Path.cwd()),
            paths=tuple((path, _size(path)) for path in paths_of(first) if path.exists()),
            mark=mark,
            gpu=gpu,
        )
    finally:
        if mark is not None:
            mark[0].unlink(missing_ok=True)


def paths_of(task: object) -> list[Path]:
    """The paths that travel with a task when it is pickled, in order, each once."""
    found: dict[Path, None] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> None:
            if isinstance(obj, Path):
                found[obj] = None

    Pickler(io.BytesIO()).dump(task)
    return list(found)


@cache
def inspect(wanted: Demands) -> Report:
    """Compare this process with the demands; once for a run."""
    faults = (*_files(wanted), *_code(wanted), *_other_releases(wanted))
    gpus = gpu_count() if wanted.gpu and not faults else 0
    return Report(socket.gethostname(), faults, gpus, shown())


def _files(wanted: Demands) -> Iterator[str]:
    here = str(Path.cwd())
    unseen = [str(path) for path, _ in wanted.paths if not path.exists()]
    if unseen:
        where = f"runs in {here} and" if here != wanted.folder else f"runs in {here}, as it must, but"
        yield (
            f"{where} does not see {_some(unseen)}. Start it in {wanted.folder}, on a file system that all machines "
            "share under the same path (docs/cluster.md)"
        )
        return
    if wanted.mark is not None:
        path, text = wanted.mark
        if not path.is_file() or path.read_bytes() != text.encode():
            yield (
                f"sees another folder at {path.parent.absolute()} than the one where the command runs. Put "
                f"{wanted.folder} on a file system that all machines share under the same path (docs/cluster.md)"
            )
            return
        if not os.access(path.parent, os.W_OK):
            yield f"may not write in {path.parent.absolute()}. Start it as a user who may"
    for path, size in wanted.paths:
        if _size(path) != size:
            yield f"sees {path} with {_size(path)} bytes, not {size}. Give all machines the same files"


_first_seen: dict[str, str] = {}
"""Digests of the code when this process first listed it: what it has loaded since is that or newer."""


def _code(wanted: Demands) -> Iterator[str]:
    try:
        now = code_of(wanted.maker)
    except ModuleNotFoundError as error:
        yield f"has no {wanted.maker} ({error}). Start it with the environment and the checkout of {wanted.folder}"
        return
    other = list(changes(dict(wanted.code), now))
    if other:
        yield f"has other code: {_some(other)}. Give it the checkout of {wanted.folder}, and start it anew"
        return
    old = [path for path, digest in now.items() if _first_seen.setdefault(path, digest) != digest]
    if old:
        yield f"has loaded an older state of {_some(old)}. Start it anew"


def _other_releases(wanted: Demands) -> Iterator[str]:
    found = _releases()
    other = [
        f"{name} {found[name] or 'missing'} in place of {release or 'none'}"
        for name, release in wanted.releases
        if found[name] != release
    ]
    if other:
        yield f"has other releases: {', '.join(other)}. Give all machines the releases of constraints.txt"


def _releases() -> dict[str, str | None]:
    return {name: _release(name) for name in _PACKAGES}


def _release(package: str) -> str | None:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

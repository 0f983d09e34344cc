"""Taking over a new release of faceshards: what the user edited stays, all else becomes what the release writes."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from faceshards.build.lockfile import LOCK, Lock, lock_of_this, read_lock, write_lock
from faceshards.errors import ParamsError, ProjectError
from faceshards.project.files import PARAMS, README, digest, files_of_template, source_in, title_in
from faceshards.source.names import shown
from faceshards.store.durable import write_file
from faceshards.textfile import read_text

_GIVEN_FREELY = ("plan.splits", "erase.classes", "erase.n_regions", "erase.fill")
"""Params whose own keys are the user's."""


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did.

    Attributes:
        before: the lock as it was.
        after: the lock as it is.
        written: files that were not there.
        replaced: files that the user had not edited.
        kept: files that the user edited: what is new in them, line by line, and for params.yaml the keys.
        removed: files that the user had removed, and that stay so.
        left: files that this release no longer has, and that stay.
    """

    before: Lock
    after: Lock
    written: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: Mapping[str, tuple[str, ...]]
    removed: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages whose code is another one than before."""
        return tuple(name for name, of in self.after.stages.items() if self.before.stages.get(name) != of)


def upgrade(folder: Path) -> Upgrade:
    """Make the repository of a data set one of the installed release.

    A file that still is as `faceshards init` wrote it is replaced. One that was edited is left. The lock is written
    last, so that an upgrade that was stopped is done again.

    Raises:
        ProjectError: the folder is no repository that `faceshards init` made.
        ParamsError: its lock or its params.yaml cannot be read.
    """
    if not (folder / LOCK).is_file():
        raise ProjectError(
            f"{folder}: expected the repository of a data set; found no {LOCK}; `faceshards init DIR` makes one"
        )
    before = read_lock(folder / LOCK)
    if not before.files:
        raise ProjectError(
            f"{folder / LOCK}: expected the files that `faceshards init` wrote; found none, as in the repository of "
            "faceshards itself, where `dvc repro` takes an edit over"
        )
    files = files_of_template(*_as_before(folder))
    written, replaced, removed, kept = [], [], [], {}
    for name, data in files.items():
        path = folder / name
        if not path.is_file():
            if name in before.files:
                removed.append(name)
                continue
            written.append(name)
        elif (found := path.read_bytes()) == data:
            continue
        elif digest(found) == before.files.get(name):
            replaced.append(name)
        else:
            kept[name] = tuple(_new_in(name, found, data))
            continue
        write_file(path, data)
    after = lock_of_this({name: digest(data) for name, data in files.items()})
    write_lock(after, folder / LOCK)
    left = tuple(name for name in before.files if name not in files and (folder / name).is_file())
    return Upgrade(before, after, tuple(written), tuple(replaced), kept, tuple(removed), left)


def _as_before(folder: Path) -> tuple[str, str | None]:
    """Title and source, which `faceshards init` put into the files."""
    readme, params = folder / README, folder / PARAMS
    title = title_in(read_text(readme, ParamsError)) if readme.is_file() else None
    if not params.is_file():
        return title or shown(folder.resolve().name), None
    try:
        source = source_in(read_text(params, ParamsError))
    except Exception as error:  # whatever YAML, or what it holds, may raise
        raise ParamsError(f"{params}: expected YAML with source.path; found {error!r}; mend it first") from error
    return title or shown(folder.resolve().name), source


def _new_in(name: str, found: bytes, data: bytes) -> Iterator[str]:
    if name == PARAMS:
        yield from _new_keys(found, data)
        return
    try:
        yours, new = (text.decode().splitlines() for text in (found, data))
    except UnicodeDecodeError:
        yield "other bytes, which are no text"
        return
    yield from difflib.unified_diff(yours, new, f"{name} (yours)", f"{name} (of the new release)", n=1, lineterm="")


def _new_keys(found: bytes, data: bytes) -> Iterator[str]:
    yours, new = (dict(_leaves(YAML(typ="safe", pure=True).load(text.decode()))) for text in (found, data))
    for key in new:
        if key not in yours:
            # As JSON, which is YAML as well: what Python calls None would be a text there.
            yield f"new key {key}; the release writes {json.dumps(new[key], ensure_ascii=False)}"
    for key in yours:
        if key not in new:
            yield f"unknown key {key}: remove it, or see CHANGELOG for what became of it"


def _leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, of in value.items():
        name = f"{above}{key}"
        if isinstance(of, dict) and name not in _GIVEN_FREELY:
            yield from _leaves(of, f"{name}.")
        else:
            yield name, of

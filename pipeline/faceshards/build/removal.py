"""A list of faces and people to leave out, as `plan.remove` names it.

A line is ``sample: ID`` or ``person: NAME``. Blanks and tabs around ID and NAME do not count; other kinds of space are
part of a name, which may begin or end with them. A line that is empty or begins with ``#`` is passed over. There is no
shorter form, for a name taken as an id would match nothing and leave the person in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.facelist import FaceList
from faceshards.errors import ParamsError
from faceshards.source.names import composed
from faceshards.store.durable import write_file

Kind: TypeAlias = Literal["sample", "person"]
_KINDS: tuple[Kind, ...] = ("sample", "person")
_LINE_END = re.compile("\r\n|\r|\n")  # those at which Python ends the lines of a text file
BLANKS = " \t\r"
"""What may stand around a name in a list, one a line; other kinds of space are part of the name."""


@dataclass(frozen=True, order=True)
class Entry:
    """One line of a list.

    Attributes:
        kind: what `name` is of.
        name: the id of a sample, or the source's name of a person.
    """

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def read_removal(path: Path) -> list[Entry]:
    """Read a list.

    Raises:
        ParamsError: the file is not there, is not UTF-8, or has a line that is neither form.
    """
    try:
        return parse_removal(path.read_text("utf-8-sig"), str(path))
    except OSError as error:
        raise ParamsError(f"plan.remove: {path}: expected a list of faces and people; {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"plan.remove: {path}: expected UTF-8 text; {error}") from error


def parse_removal(text: str, what: str) -> list[Entry]:
    """The entries of a list, each once, in order; `what` names it in errors.

    Raises:
        ParamsError: a line is neither form.
    """
    entries: dict[Entry, None] = {}
    for number, line in enumerate(_LINE_END.split(text), 1):
        line = line.strip(BLANKS)
        if line and not line.startswith("#"):
            kind, colon, name = line.partition(":")
            kind, name = kind.strip(BLANKS), name.strip(BLANKS)
            if not colon or kind not in _KINDS or not name:
                raise ParamsError(
                    f"plan.remove: {what}: line {number}: expected `sample: ID` or `person: NAME`; found {line!r}; "
                    "write which of the two it is"
                )
            entries[Entry("sample" if kind == "sample" else "person", name)] = None
    return list(entries)


def append_removal(path: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Append entries to a list, which is made where it is not there.

    Returns:
        Those that it had not yet.

    Raises:
        ParamsError: as `read_removal`, or a name that a line cannot hold.
    """
    for entry in entries:
        if parse_removal(str(entry), "") != [entry]:
            raise ParamsError(f"{entry.kind} {entry.name!r}: expected a name of one line without blanks around it")
    known = read_removal(path) if path.exists() else []
    fresh = [entry for entry in dict.fromkeys(entries) if entry not in known]
    if fresh:
        before = path.read_text("utf-8") if path.exists() else ""
        gap = "" if before.endswith("\n") or not before else "\n"
        write_file(path, (before + gap + "".join(f"{entry}\n" for entry in fresh)).encode())
    return fresh


def removed(faces: FaceList, entries: Sequence[Entry]) -> tuple[NDArray[np.bool_], list[Entry]]:
    """Which faces a list names; a name that is none of theirs is also looked for in Unicode's composed form.

    Returns:
        (N,) bool, True for those that it names; and the entries that name no face.
    """
    gone, unmatched = _named(faces, entries)
    again = {entry: Entry(entry.kind, composed(entry.name)) for entry in unmatched}
    also, missing = _named(faces, [entry for one, entry in again.items() if entry != one])
    return gone | also, [entry for entry in unmatched if again[entry] in [*missing, entry]]


def _named(faces: FaceList, entries: Sequence[Entry]) -> tuple[NDArray[np.bool_], list[Entry]]:
    by = {kind: pa.array([e.name for e in entries if e.kind == kind], pa.large_string()) for kind in _KINDS}
    sample = pc.is_in(faces.sample_id, value_set=by["sample"])
    person = pc.is_in(faces.people, value_set=by["person"])
    # `NOBODY` points at the last.
    of_people = np.append(person.to_numpy(zero_copy_only=False), False)
    matched = {Entry("sample", name) for name in faces.sample_id.filter(sample).to_pylist()}
    matched |= {Entry("person", name) for name in faces.people.filter(person).to_pylist()}
    gone = sample.to_numpy(zero_copy_only=False) | of_people[faces.person]
    return gone, [entry for entry in entries if entry not in matched]

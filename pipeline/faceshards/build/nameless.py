"""Numbers in place of the names of faces and people, which nobody can look up who lacks the key."""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from faceshards.build.facelist import NOBODY, FaceList, batches, joined
from faceshards.build.removal import Entry, Kind
from faceshards.errors import ParamsError

NAMES = "names.csv"
"""The file of the plan that says whose numbers they are: ``sample_id,sample,identity_name,person``. It is for the owner
of the faces alone, and no later stage reads it."""

_LEAST = 32
_NUMBER = re.compile(r"[fp][0-9a-f]{24}")
_LETTER: dict[Kind, str] = {"sample": "f", "person": "p"}


@dataclass(frozen=True)
class Numbering:
    """Gives names their numbers: BLAKE2b of a name under a key, 96 bits (RFC 7693).

    A number depends on the key and the name and nothing else, so that each version of a data set gives the same one,
    whichever faces it has. A hash without a key would not do: who has a list of names could hash them all and compare.

    Args:
        key: 32 bytes.

    Example:
        >>> numbering = read_numbering(Path("names.key"))
        >>> numbering.of("person", "Ann Example")
        'p0d2e...'
    """

    key: bytes

    @property
    def mark(self) -> str:
        """What tells two keys apart, and tells nothing about them: 16 hexadecimal digits."""
        return hashlib.blake2b(key=self.key, digest_size=8, person=b"mark").hexdigest()

    def of(self, kind: Kind, name: str) -> str:
        """The number of a face or a person: ``f`` or ``p`` and 24 hexadecimal digits."""
        digest = hashlib.blake2b(name.encode(), key=self.key, digest_size=12, person=kind.encode())
        return _LETTER[kind] + digest.hexdigest()

    def applied(self, faces: FaceList) -> FaceList:
        """A list of the same faces under their numbers. People whom the source itself numbers keep those numbers."""
        people = faces.people if faces.numbered else self._all("person", faces.people)
        return replace(faces, sample_id=self._all("sample", faces.sample_id), people=people)

    def entry(self, entry: Entry) -> Entry:
        """What to call a face or a person of a list of removals; one that is a number already stays."""
        return entry if is_number(entry.name) else Entry(entry.kind, self.of(entry.kind, entry.name))

    def _all(self, kind: Kind, names: pa.LargeStringArray) -> pa.LargeStringArray:
        parts = [
            pa.array([self.of(kind, name) for name in names.slice(batch.start, len(batch)).to_pylist()], names.type)
            for batch in batches(len(names))
        ]
        return joined(pa.chunked_array(parts, names.type))


def is_number(name: str) -> bool:
    """Whether a name has the form of the numbers."""
    return _NUMBER.fullmatch(name) is not None


def read_numbering(path: Path, param: str = "plan.names_key") -> Numbering:
    """Read the file that a param or an option names: any text of 32 characters or more that nobody can guess.

    Raises:
        ParamsError: it does not read, or is too short.
    """
    remedy = f"make one, once for all versions, with: openssl rand -hex 32 > {path}"
    try:
        text = path.read_bytes().strip()
    except OSError as error:
        raise ParamsError(f"{param}: {path}: expected a key; {error.strerror}; {remedy}") from error
    if len(text) < _LEAST:
        raise ParamsError(
            f"{param}: {path}: expected a key of {_LEAST} characters or more; found {len(text)}; {remedy}"
        )
    return Numbering(hashlib.blake2b(text, digest_size=32, person=b"faceshards names").digest())


def write_names(path: Path, named: FaceList, numbered: FaceList) -> None:
    """Write whose numbers they are, in the order of the source."""
    with path.open("wb") as sink:
        options = pyarrow.csv.WriteOptions(include_header=False)
        sink.write(b"sample_id,sample,identity_name,person\n")
        for batch in batches(len(named)):
            index = pa.array(range(batch.start, batch.stop))
            person = pa.array(
                named.person[batch.start : batch.stop], mask=named.person[batch.start : batch.stop] == NOBODY
            )
            columns = [numbered.sample_id, named.sample_id, numbered.people, named.people]
            taken = [column.take(of) for column, of in zip(columns, [index, index, person, person], strict=True)]
            pyarrow.csv.write_csv(pa.table(taken, ["a", "b", "c", "d"]), sink, options)


def without_names(said: str) -> str:
    """A reason or remarks, each cut to its code, for its sentence may name a file."""
    return "\n".join(f"{line.partition(':')[0]}: told without names" for line in said.splitlines())

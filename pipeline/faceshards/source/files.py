"""Named files that a source reads at random: the files of a folder, or the members of a zip read in place."""

import os
import stat
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.faulttext import is_shortage
from faceshards.source.fingerprint import fingerprint
from faceshards.source.names import shown
from faceshards.source.splitfile import open_split

MAX_FILE_BYTES = 64 * 2**20
"""The largest file that is read as one face's image, labels or landmarks."""

_LOCAL_HEADER_BYTES = 30  # of a zip member, before its name
UNREAD = frozenset({"corrupt_member", "unreadable_member"})
"""Reasons of a member whose bytes are not what the zip's directory says. Its fingerprint is of what they should be, so
that it is the same once the zip is whole."""

# General-purpose flag bits: encrypted, a patch to another file, strongly encrypted.
_UNREADABLE = 0x1 | 0x20 | 0x40
_NAMED = 3
_STAMP = struct.Struct("<IQ")


class Files(Protocol):
    """A flat view of a container: names to bytes."""

    @property
    def label(self) -> str:
        """The container's name, the first part of a `SourceFace.source_id`."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """Posix paths inside the container."""
        ...

    def read(self, name: str) -> bytes:
        """Read one file whole.

        Raises:
            BadSampleError: it is larger than `MAX_FILE_BYTES`, damaged, or cannot be read.
        """
        ...

    def fingerprint(self, name: str) -> bytes:
        """A few bytes that tell what a file holds, as `fingerprint.Fingerprints` has them; an unreadable one too."""
        ...


def read_file(path: Path, what: str) -> bytes:
    """Read a small file whole; `what` names it in errors, which are to be the same wherever it lies.

    Raises:
        BadSampleError: it is larger than `MAX_FILE_BYTES`, cannot be read, or is no plain file.
    """
    try:
        # A pipe would be waited for without an end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadSampleError("unreadable_file", f"{what}: expected a file; found a pipe, a socket or a device")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        if is_shortage(error):
            raise
        raise BadSampleError("unreadable_file", f"{what}: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise BadSampleError("file_too_large", f"{what}: expected at most {MAX_FILE_BYTES:,} bytes")
    return data


class FolderFiles:
    """The files of a folder and of all folders below it; hidden ones left out. Links are followed, a loop of them once.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = shown(path.name)
        self.names = frozenset(_below(str(path), "", (os.path.realpath(path),)))

    def read(self, name: str) -> bytes:
        """See `Files.read`."""
        return read_file(self._path / name, f"{self.label}/{shown(name)}")

    def fingerprint(self, name: str) -> bytes:
        """See `Files.fingerprint`; the file is read."""
        return fingerprint(lambda: self.read(name))


def _below(folder: str, prefix: str, within: tuple[str, ...]) -> Iterator[str]:
    """Paths of the files below a folder that lies in the real folders `within`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            if not is_folder(entry):
                yield prefix + entry.name
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{within[-1]}/{entry.name}"
            if real not in within:
                yield from _below(entry.path, f"{prefix}{entry.name}/", (*within, real))


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of a folder is one, or a link to one; a link that goes round in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


class ZipFiles:
    """The members of a zip, whole or split into ``.001``, ``.002``, ...; nothing is unpacked.

    Args:
        path: ``X.zip``, or the first part ``X.zip.001``.

    Raises:
        SourceNotFoundError: the zip or one of its parts is missing.
        SourceFormatError: it is no zip, is empty or cut short, has members that share bytes (CVE-2024-0450), two of one
            name, or names that lead out of a folder.
    """

    def __init__(self, path: Path) -> None:
        self.label = shown(path.name.removesuffix(".001"))
        self._path = path
        if not path.is_file():
            raise SourceNotFoundError(f"{path}: expected a zip file; found none")
        if not path.stat().st_size:
            raise SourceFormatError(f"{path}: expected a zip file; found an empty file; fetch again")
        try:
            self._zip = ZipFile(open_split(path))
        except SourceNotFoundError:
            raise
        except _DAMAGED as error:
            if is_shortage(error):
                raise
            raise SourceFormatError(
                f"{path}: expected a zip file, or all parts of a split one side by side; it does not read as one "
                f"({error}); most often a part is missing or the download stopped early: compare its size, fetch again"
            ) from error
        infos = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        if not infos:
            raise SourceFormatError(
                f"{path}: expected a zip of faces; found a zip without files; check what was packed"
            )
        _refuse_names(path, infos)
        _refuse_overlaps(path, infos, self._zip.start_dir)
        self._infos = {info.filename: info for info in infos}
        self.names = frozenset(self._infos)

    def read(self, name: str) -> bytes:
        """See `Files.read`."""
        info = self._infos[name]
        what = f"{self.label}/{shown(name)}"
        if info.file_size > MAX_FILE_BYTES:
            raise BadSampleError(
                "file_too_large",
                f"{what}: claims {counted(info.file_size, 'byte')}; expected at most {MAX_FILE_BYTES:,}",
            )
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or info.flag_bits & _UNREADABLE:
            raise BadSampleError(
                "unreadable_member", f"{what}: expected stored or deflated bytes without a password or a patch"
            )
        try:
            return self._zip.read(info)
        except _DAMAGED as error:
            if is_shortage(error):
                raise
            raise BadSampleError("corrupt_member", f"{what}: {error}; fetch the zip again") from error

    def fingerprint(self, name: str) -> bytes:
        """See `Files.fingerprint`; CRC-32 and size from the zip's directory, so that nothing is read."""
        info = self._infos[name]
        return _STAMP.pack(info.CRC, info.file_size)


_DAMAGED = (
    *(BadZipFile, EOFError, OSError, zlib.error, struct.error),
    *(ValueError, NotImplementedError, RuntimeError, OverflowError, IndexError),
)
"""What zipfile raises on damage, as it comes."""


def zip_files(path: Path) -> ZipFiles:
    """The members of a zip, opened once for all who ask; see `ZipFiles`."""
    if not path.is_file():
        return ZipFiles(path)
    stat = path.stat()
    return _opened(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=4)
def _opened(path: Path, stamp: object) -> ZipFiles:  # noqa: ARG001 (stamp is a cache key)
    return ZipFiles(path)


def _refuse_names(path: Path, infos: list[ZipInfo]) -> None:
    """Every member must have a name of its own that stays in the folder into which somebody might unpack the zip.

    Raises:
        SourceFormatError: naming some that have not.
    """
    strange = [info.filename for info in infos if not _stays_inside(info.filename)]
    if strange:
        raise SourceFormatError(
            f"{path}: expected names of files in a folder; found {_some(strange)}, which lead out of it or are none; "
            "do not trust this file"
        )
    twice = [name for name, count in Counter(info.filename for info in infos).items() if count > 1]
    if twice:
        raise SourceFormatError(
            f"{path}: expected members of different names; two have one name, of which nobody knows which counts: "
            f"{_some(twice)}; pack it anew"
        )


def _stays_inside(name: str) -> bool:
    return bool(name) and "\0" not in name and name[0] not in "/\\" and name[1:2] != ":" and ".." not in name.split("/")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(repr(name) for name in names[:_NAMED]) + more


def _refuse_overlaps(path: Path, infos: list[ZipInfo], directory_start: int) -> None:
    """Every member must end before the next begins, as in any zip that an honest tool wrote.

    Raises:
        SourceFormatError: two members share bytes, or one begins before the file.
    """
    by_start = sorted(infos, key=lambda info: info.header_offset)
    starts = [info.header_offset for info in by_start]
    if starts and starts[0] < 0:
        raise SourceFormatError(f"{path}: bytes are missing before its directory; fetch it, or its parts, again")
    for info, end in zip(by_start, [*starts[1:], directory_start], strict=True):
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            raise SourceFormatError(f"{path}: member {info.filename!r} overlaps what follows it; refused as a zip bomb")

"""The files that an ONNX graph is made of: the graph, and those in which it keeps its weights.

A graph above 2 GB, and any that was saved so, names other files for its tensors (onnx.proto3, `external_data`). Whoever
changes one of those changes the network, and the graph's own file stays as it was. So they are found, by reading the
messages of protobuf (https://protobuf.dev/programming-guides/encoding), and count where the graph does.
"""

import hashlib
import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from faceshards.counted import counted
from faceshards.errors import WeightsError
from faceshards.store.durable import sha256_of

_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}
_DEEPEST = 64

# For each message the fields that hold tensors, at whatever depth, and the message of each (onnx.proto3).
_MESSAGES = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}
_KEY, _VALUE = 1, 2


def external_files(model: Path) -> list[Path]:
    """The files besides `model` that its tensors lie in, each once, in order of their names.

    Args:
        model: an ``.onnx`` file; any other has none.

    Raises:
        WeightsError: it is no ONNX file, or names a file outside its own folder.

    Example:
        >>> external_files(Path("nets/large.onnx"))
        [PosixPath('nets/large.onnx.data')]
    """
    if model.suffix != ".onnx":
        return []
    if not model.stat().st_size:
        return []
    try:
        with model.open("rb") as file:
            # Not closed by hand: where the file is damaged, the error holds on to views of it.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        names = {name.decode("utf-8") for name in _locations(data, "Model", 0)}
    except (ValueError, IndexError) as error:
        raise WeightsError(f"{model}: expected an ONNX file; found a damaged one: {error}") from error
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or not name or "\0" in name:
            raise WeightsError(
                f"{model}: expected weights in files of its own folder; found {name!r}, which leads out of it; do not "
                "trust this file"
            )
    return [model.parent / name for name in sorted(names)]


def model_sha256(model: Path) -> str:
    """What a network comes to, as 64 hexadecimal digits.

    Of a file that holds its weights itself, its SHA-256. Of a graph with weights in other files, the SHA-256 of what
    ``sha256sum graph.onnx weights.data`` prints when it is run in the graph's folder, for the graph and then for the
    others in order of their names.

    Raises:
        WeightsError: as `external_files`, or one of the files is missing.

    Example:
        >>> model_sha256(Path("net.onnx")) == model_sha256(Path("net.onnx"))
        True
    """
    others = external_files(model)
    if not others:
        return sha256_of(model)
    missing = [str(file) for file in others if not file.is_file()]
    if missing:
        raise WeightsError(f"{model}: expected its weights beside it; {', '.join(missing)} is missing; put it there")
    names = [file.relative_to(model.parent).as_posix() for file in (model, *others)]
    lines = [f"{sha256_of(model.parent / name)}  {name}\n" for name in names]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[bytes]:
    """The values of all entries ``location`` of tensors."""
    if depth > _DEEPEST:
        raise ValueError(f"graphs more than {_DEEPEST} deep in each other")
    inner = _MESSAGES[kind]
    for field, content in _fields(message):
        of = inner.get(field)
        if of == "Entry":
            entry = {number: bytes(part) for number, part in _fields(content)}
            if entry.get(_KEY) == b"location":
                yield entry.get(_VALUE, b"")
        elif of is not None:
            yield from _locations(content, of, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of the fields that have a length.

    Raises:
        ValueError, IndexError: the message is damaged.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _LENGTH:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError(f"a part claims {counted(length, 'byte')}; {len(message) - at:,} are left")
            yield field, message[at : at + length]
            at += length
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError(f"a part of kind {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without an end")

"""ONNX files without the package: as much of a graph as tells where its tensors lie."""

from pathlib import Path


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf with a length, for contents of fewer than 2**14 bytes."""
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    tag = number << 3 | 2
    return (bytes([tag]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7])) + length + content


def tensor(location: str) -> bytes:
    """A tensor that lies in another file."""
    entry = field(1, b"location") + field(2, location.encode())
    return field(8, b"w") + field(13, field(1, b"offset") + field(2, b"0")) + field(13, entry)


def graph(*locations: str) -> bytes:
    """A graph with a tensor in each of some files."""
    return field(7, b"".join(field(5, tensor(location)) for location in locations))


def write_graph(path: Path, *locations: str) -> Path:
    """Write a graph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(graph(*locations))
    return path

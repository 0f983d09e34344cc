"""A writer of RecordIO pairs for tests, after dmlc-core's and MXNet's description of the format."""

import struct
from pathlib import Path

MAGIC = struct.pack("<I", 0xCED7230A)


def frame(data: bytes) -> bytes:
    """Frame one record, cut into parts at every aligned magic word."""
    cuts = [at for at in range(0, len(data) - 3, 4) if data[at : at + 4] == MAGIC]
    starts = [0, *(cut + 4 for cut in cuts)]
    parts = [data[start:end] for start, end in zip(starts, [*cuts, len(data)], strict=True)]
    out = b""
    for i, part in enumerate(parts):
        flag = 0 if len(parts) == 1 else 1 if i == 0 else 3 if i == len(parts) - 1 else 2
        out += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
    return out


def record(image: bytes, label: float | list[float], key: int = 0) -> bytes:
    """An image record: IRHeader, array labels if any, image."""
    if isinstance(label, list):
        return struct.pack(f"<IfQQ{len(label)}f", len(label), 0.0, key, 0, *label) + image
    return struct.pack("<IfQQ", 0, label, key, 0) + image


def write_pair(folder: Path, records: dict[int, bytes], name: str = "train") -> Path:
    """Write ``name.rec`` and ``name.idx``; returns the path of the first."""
    data, lines = b"", ""
    for key, content in records.items():
        lines += f"{key}\t{len(data)}\n"
        data += frame(content)
    (folder / f"{name}.rec").write_bytes(data)
    (folder / f"{name}.idx").write_text(lines)
    return folder / f"{name}.rec"


def insightface(images: list[bytes], labels: list[float | list[float]]) -> dict[int, bytes]:
    """The records of an InsightFace set: range record 0, images from 1, then one range record for the persons."""
    n = len(images)
    records = {0: record(b"", [n + 1.0, n + 2.0])}
    records |= {i: record(image, label, i) for i, (image, label) in enumerate(zip(images, labels, strict=True), 1)}
    return records | {n + 1: record(b"", [1.0, n + 1.0], n + 1)}

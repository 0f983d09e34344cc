"""Usable faces chunk by chunk, so that each chunk of the store is read once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.report.faces import Faces


@dataclass(frozen=True)
class Chunk:
    """Faces of one chunk.

    Attributes:
        split: its split.
        bounds: the rows to read: the first, and one past the last.
        at: where the faces are among these rows.
        members: (n,) int64, the faces, counted among the usable ones.
    """

    split: str
    bounds: tuple[int, int]
    at: NDArray[np.int64]
    members: NDArray[np.int64]


def chunks_of(faces: Faces, members: NDArray[np.int64]) -> list[Chunk]:
    """Sort some usable faces, in ascending order, by the chunk that they lie in."""
    if not len(members):
        return []
    rows = faces.usable["row"].to_numpy()[members].astype(np.int64)
    chunk = rows // faces.store.chunk_rows
    split = faces.usable["split"].combine_chunks().dictionary_encode()
    codes = split.indices.to_numpy()[members]
    begins = np.flatnonzero((np.diff(chunk) != 0) | (np.diff(codes) != 0)) + 1
    parts = np.split(np.arange(len(members)), begins)
    found = []
    for part in parts:
        first, last = int(rows[part[0]]), int(rows[part[-1]])
        name = split.dictionary[int(codes[part[0]])].as_py()
        found.append(Chunk(name, (first, last + 1), rows[part] - first, members[part]))
    return found


def evenly(chunks: list[Chunk], most: int) -> list[Chunk]:
    """All chunks, or so many of them, evenly from the first to the last, that they hold about `most` faces."""
    total = sum(len(chunk.members) for chunk in chunks)
    if total <= most:
        return chunks
    count = max(-(-most * len(chunks) // total), 1)
    picked = np.linspace(0, len(chunks) - 1, count).round().astype(np.int64)
    return [chunks[i] for i in picked.tolist()]

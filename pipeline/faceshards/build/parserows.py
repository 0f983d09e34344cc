"""The rows of a shard to their regions: read ahead, parsed, and put in their places."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceshards.build.arrays import IMAGE, REGION
from faceshards.build.sureness import SurenessNotes
from faceshards.parsing.judged import Assessor, judge
from faceshards.records import UInt8Array
from faceshards.store.reader import Store


class ParsedRows(NamedTuple):
    """What a parser found in the rows of a shard.

    Attributes:
        regions: (n, 112, 112) uint8, 0-24; 255 where the row has no usable face.
        sureness: how sure it was.
    """

    regions: UInt8Array
    sureness: SurenessNotes


def parse_rows(
    aligned: Store,
    split: str,
    bounds: tuple[int, int],
    usable: NDArray[np.bool_],
    parser: Assessor,
    readers: int = 1,
    advance: Callable[[int], object] = lambda _: None,
) -> ParsedRows:
    """Parse the usable faces of some rows.

    Args:
        aligned: the faces.
        split: theirs.
        bounds: first row, and one past the last.
        usable: (n,) bool, which of the rows have a face.
        parser: from `load_parser`.
        readers: threads that decode faces while the parser works.
        advance: called with the number of rows done since the last call.

    Example:
        >>> parse_rows(store, "train", (0, 2048), np.ones(2048, np.bool_), load_parser()).regions.shape
        (2048, 112, 112)
    """
    start, stop = bounds
    regions = np.full((stop - start, *REGION.shape), REGION.fill_value, np.uint8)
    sureness = SurenessNotes(stop - start)
    rows = np.flatnonzero(usable)
    parts = _faces_ahead(aligned, split, start, stop, usable, readers)
    done = reached = 0
    for found in judge(parser, parts):
        here = rows[done : done + len(found.regions)]
        regions[here] = found.regions
        sureness.add(here, found.confidence)
        done += len(here)
        advance(int(here[-1]) + 1 - reached)
        reached = int(here[-1]) + 1
    advance(stop - start - reached)
    return ParsedRows(regions, sureness)


def _faces_ahead(
    store: Store, split: str, start: int, stop: int, usable: NDArray[np.bool_], readers: int
) -> Iterator[UInt8Array]:
    """The usable faces of one chunk after the other; `readers` threads decode twice as many chunks ahead."""
    bounds = iter([(a, min(a + store.chunk_rows, stop)) for a in range(start, stop, store.chunk_rows)])
    with ThreadPoolExecutor(readers, "faces") as pool:
        coming: deque[Future[UInt8Array]] = deque()

        def more() -> None:
            for a, b in bounds:
                wanted = usable[a - start : b - start]
                if wanted.any():
                    coming.append(pool.submit(_read, store, split, a, b, wanted))
                    return

        for _ in range(2 * readers - 1):
            more()
        try:
            while coming:
                faces = coming.popleft().result()
                more()
                yield faces
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read(store: Store, split: str, start: int, stop: int, wanted: NDArray[np.bool_]) -> UInt8Array:
    faces: UInt8Array = store.read(split, IMAGE.name, start, stop)
    return faces if wanted.all() else faces[wanted]

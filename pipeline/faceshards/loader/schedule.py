"""Which chunks to decode for which batch, so that none is decoded twice where memory allows."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class ChunkTask(NamedTuple):
    """One chunk to decode.

    Attributes:
        chunk: its number.
        visits: (n,) int64, ascending: which visits, counted in their order, want a sample of it.
    """

    chunk: int
    visits: NDArray[np.int64]


class Schedule:
    """Goes through the batches in order; a chunk that is needed serves all batches up to `reach` further on.

    Args:
        chunks: (n,) the chunk of each visit, in the order of visits.
        batch_size: visits a batch.
        reach: how many batches a task may serve, and so how many may be half filled.
    """

    def __init__(self, chunks: NDArray[np.int64], batch_size: int, reach: int) -> None:
        self._chunks, self._batch_size, self._reach = chunks, batch_size, reach
        self._by_chunk = np.argsort(chunks, kind="stable")
        in_order = chunks[self._by_chunk]
        starts = np.flatnonzero(np.diff(in_order, prepend=-1))
        self._numbers = in_order[starts]
        self._bounds = np.append(starts, len(chunks)).tolist()
        self._left = starts.tolist()  # of each chunk's visits, the first that is not served: those before it are
        self._served = np.zeros(len(chunks), np.bool_)

    def tasks(self, batch: int) -> Iterator[ChunkTask]:
        """What is still to be decoded for a batch; to be asked for batch 0, 1, 2 and so on."""
        start = batch * self._batch_size
        own = slice(start, start + self._batch_size)
        stop = start + self._reach * self._batch_size
        # Not by `np.unique`, which loads numpy.ma where no indices are asked for: in every worker of every epoch.
        waiting = sorted(set(self._chunks[own][~self._served[own]].tolist()))
        for chunk, at in zip(waiting, np.searchsorted(self._numbers, waiting).tolist(), strict=True):
            visits = self._by_chunk[self._left[at] : self._bounds[at + 1]]
            if visits[-1] >= stop:
                visits = visits[: visits.searchsorted(stop)]
            self._left[at] += len(visits)
            self._served[visits] = True
            yield ChunkTask(chunk, visits)

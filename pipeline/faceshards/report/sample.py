"""Which faces have a picture in the page: some evenly over the set, and those that a person would look for first."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from faceshards.report.rows import Rows

_EVENLY = 2


def pick(rows: Rows, alike: Iterable[NDArray[np.int64]], first: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Pick usable faces.

    Args:
        rows: of the page.
        alike: sets of rows that are duplicates.
        first: rows that are taken before all others.
        count: how many rows to pick.

    Returns:
        At most `count` rows, ascending: `first`; half of the rest evenly over all; then in turn from the duplicates,
        the faces with a remark, and both ends of every measure.
    """
    usable = np.flatnonzero(rows.usable >= 0)
    if len(usable) <= count:
        return usable
    picked = dict.fromkeys(first[:count].tolist())
    even = np.linspace(0, len(usable) - 1, max((count - len(picked)) // _EVENLY, 1)).round().astype(np.int64)
    queues = [iter(np.concatenate([np.empty(0, np.int64), *alike]).tolist())]
    queues.append(iter(usable[rows.codes[usable] > 0].tolist()))
    for values in rows.measures.values():
        known = usable[~np.isnan(values[usable])]
        order = known[np.argsort(values[known], kind="stable")]
        queues += [iter(order[:count].tolist()), iter(order[::-1][:count].tolist())]
    for row in usable[even].tolist():
        if len(picked) < count:
            picked[row] = None
    for row in _in_turn(queues):
        if len(picked) == count:
            break
        picked[row] = None
    return np.sort(np.array(list(picked), np.int64))


def _in_turn(queues: list[Iterator[int]]) -> Iterator[int]:
    """One of each in turn, until all are empty; a row may come more than once."""
    while queues:
        for queue in list(queues):
            row = next(queue, None)
            if row is None:
                queues.remove(queue)
            else:
                yield row

"""Class ids of a split: ranges, given away one after the other as the split grew."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import StoreFormatError
from faceshards.store.schema import NO_IDENTITY

_AT_ONCE = 1 << 20  # ids, so that a look at millions takes little memory


def labels_of(identity: NDArray[np.int64], classes: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The labels that a classifier is trained on: places of class ids in the ranges of their split.

    Labels run from 0 without a gap, and those of people who came in a later version follow all earlier ones. So a
    classifier that was trained on a version is extended for the next, never put in another order.

    Args:
        identity: class ids of any shape, -1 where the person is not known.
        classes: half-open ranges of the split's class ids, in the order in which they were given; ascending.

    Returns:
        int64 of the same shape: 0 to the number of ids in all ranges, -1 where the person is not known and where no
        range holds the class id.

    Example:
        >>> labels_of(np.array([0, 99, 120, -1]), [(0, 100), (120, 125)]).tolist()
        [0, 99, 100, -1]
    """
    starts = np.array([start for start, _ in classes], np.int64)
    stops = np.array([stop for _, stop in classes], np.int64)
    if not len(starts):
        return np.full(identity.shape, NO_IDENTITY, np.int64)
    before = np.concatenate([[0], (stops - starts).cumsum()[:-1]])
    at = np.searchsorted(starts, identity, side="right") - 1
    held = (at >= 0) & (identity < stops[at])
    labels = np.where(held, before[at] + identity - starts[at], NO_IDENTITY)
    return np.asarray(labels, np.int64)


def refuse_strangers(identity: NDArray[np.int64], classes: Sequence[tuple[int, int]], where: str) -> None:
    """Refuse class ids that lie in none of their split's ranges, so that none ever trains a wrong output.

    Args:
        identity: (N,) of the faces of a split.
        classes: of the split.
        where: what to call the split in the error.

    Raises:
        StoreFormatError: there are some.
    """
    for start in range(0, len(identity), _AT_ONCE):
        strange = strange_classes(identity[start : start + _AT_ONCE], classes)
        if len(strange):
            raise StoreFormatError(
                f"{where}: expected class ids in {[list(ids) for ids in classes]}, as dataset.json says; its manifest "
                f"has {sorted(set(strange.tolist()))[:5]} as well. Build the store again"
            )


def class_count(classes: Sequence[tuple[int, int]]) -> int:
    """How many labels a split has."""
    return sum(stop - start for start, stop in classes)


def strange_classes(identity: NDArray[np.int64], classes: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Those of the class ids that no range of the split holds; -1 belongs to every split."""
    return identity[are_strange(identity, classes)]


def are_strange(identity: NDArray[np.int64], classes: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which of the class ids no range of the split holds; see `strange_classes`."""
    return np.asarray((identity != NO_IDENTITY) & (labels_of(identity, classes) == NO_IDENTITY))

"""Which of a face's two eyes, brows and ears is on which side, where the labels of a data set have it wrong."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import CoarseRegion

_EYES = (CoarseRegion.LEFT_EYE, CoarseRegion.RIGHT_EYE)
_UPPER = ((*_EYES,), (CoarseRegion.LEFT_BROW, CoarseRegion.RIGHT_BROW), (CoarseRegion.GLASSES,))
_LOWER = ((CoarseRegion.TOP_LIP, CoarseRegion.BOTTOM_LIP, CoarseRegion.MOUTH_INTERIOR), (CoarseRegion.NOSE,))
_PAIRS = (_EYES, (CoarseRegion.LEFT_BROW, CoarseRegion.RIGHT_BROW), (CoarseRegion.LEFT_EAR, CoarseRegion.RIGHT_EAR))


def sides_put_right(labels: UInt8Array, across: NDArray[np.float64]) -> tuple[UInt8Array, bool]:
    """Exchange right and left where the places of eyes, brows and ears contradict their classes.

    Of 850 pairs of CelebAMask-HQ, 57 have all sides exchanged, as mirrored photographs do whose masks kept their names,
    and 4 more have an ear on the wrong side.

    Args:
        labels: (H, W) uint8, `CoarseRegion` ids, whose sides are the viewer's.
        across: (2,) from the face's left side to its right one as the viewer of an upright face sees them: x, y.

    Returns:
        The labels, and whether any were exchanged.

    Example:
        >>> labels, exchanged = sides_put_right(labels, np.array([1.0, 0.0]))
    """
    places = {part: _place(labels, part, across) for pair in _PAIRS for part in pair}
    nose = _place(labels, CoarseRegion.NOSE, across)
    votes = sum(
        np.sign(right - left)
        for left, right in ((places[one], places[other]) for one, other in _PAIRS)
        if left is not None and right is not None
    )
    if not votes:
        votes = sum(_votes_of_one(places[left], places[right], nose) for left, right in _PAIRS)
    wrong = set(_PAIRS) if votes < 0 else set()
    left_eye, right_eye = (places[part] for part in _EYES)
    if left_eye is not None and right_eye is not None:
        middle = (left_eye + right_eye) / 2
        for left, right in _PAIRS[1:]:
            # Of a part that is there once, its side of the eyes says more than the vote of the whole face.
            if vote := _votes_of_one(places[left], places[right], middle):
                wrong = wrong | {(left, right)} if vote < 0 else wrong - {(left, right)}
    if not wrong:
        return labels, False
    table = np.arange(256, dtype=np.uint8)
    for left_part, right_part in wrong:
        table[[left_part, right_part]] = right_part, left_part
    return table[labels], bool(np.isin(labels, [part for pair in wrong for part in pair]).any())


def across_of(labels: UInt8Array) -> NDArray[np.float64]:
    """From the left to the right side of a labelled face as the viewer of it upright sees them, by the way from eyes to
    mouth, which does not depend on which eye is called which.

    Args:
        labels: (H, W) uint8, `CoarseRegion` ids.

    Returns:
        (2,) x, y: one of the four directions along the edges of the picture; to the right where the labels do not tell.

    Example:
        >>> across_of(np.rot90(upright_labels))
        array([ 0., -1.])
    """
    upper, lower = _first_middle(labels, _UPPER), _first_middle(labels, _LOWER)
    if upper is None or lower is None:
        return np.array([1.0, 0.0])
    x, y = lower - upper
    # Whole quarters, for in a profile the way from one eye to the mouth is aslant.
    if abs(x) > abs(y):
        return np.array([0.0, -float(np.sign(x))])
    return np.array([1.0 if y >= 0 else -1.0, 0.0])


def _first_middle(labels: UInt8Array, parts: Sequence[Sequence[CoarseRegion]]) -> NDArray[np.float64] | None:
    """(2,) x, y of the middle of the first of the parts that is there."""
    for part in parts:
        rows, columns = np.nonzero(np.isin(labels, part))
        if len(rows):
            return np.array([columns.mean(), rows.mean()])
    return None


def _place(labels: UInt8Array, part: CoarseRegion, across: NDArray[np.float64]) -> float | None:
    """How far across the face the middle of a part is; None where it is not there."""
    rows, columns = np.nonzero(labels == part)
    return float(np.array([columns.mean(), rows.mean()]) @ across) if len(rows) else None


def _votes_of_one(left: float | None, right: float | None, middle: float | None) -> float:
    """1 where the one part of a pair that is there is on its own side of a middle, -1 where it is not."""
    if middle is None or (left is None) == (right is None):
        return 0.0
    return float(np.sign(middle - left)) if left is not None else float(np.sign((right or 0.0) - middle))

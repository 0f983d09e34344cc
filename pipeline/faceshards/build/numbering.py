"""Class ids of a source that numbers its people, as a RecordIO does: label n is class n where it can be."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.earlier import Earlier


def own_numbers(people: pa.LargeStringArray) -> NDArray[np.int64] | None:
    """The numbers that are the names of P people.

    Returns:
        (P,) int64, or None where a name is no number.
    """
    if not pc.all(pc.match_substring_regex(people, r"^(0|[1-9][0-9]{0,17})$"), min_count=0).as_py():
        return None
    numbers: NDArray[np.int64] = pc.cast(people, pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


def keeps_numbers(new_in: NDArray[np.int32], earlier: Earlier, earlier_in: NDArray[np.int32]) -> bool:
    """Whether new people of a source that numbers them can have their own numbers as class ids.

    A split's class ids are a few ranges that no other split shares, so that a trainer on it has classes without a gap.
    So people keep their numbers where all of them are in one split, and where all whom an earlier version has did.

    Args:
        new_in: the split of each new person.
        earlier: the version to continue.
        earlier_in: what each of its splits is called in `new_in`.
    """
    known = own_numbers(earlier.people)
    if known is None or (known != earlier.class_id).any():
        return False
    has_classes = np.array([bool(of.classes) for of in earlier.splits.values()], bool)
    return len(np.union1d(new_in, earlier_in[has_classes])) <= 1

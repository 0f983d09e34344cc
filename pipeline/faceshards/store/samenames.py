"""Whether a name occurs twice among millions, in eight bytes a name."""

from collections.abc import Callable, Iterable

import numpy as np

from faceshards.rng import sample_keys


def repeated_name(names: Callable[[], Iterable[Iterable[str]]], count: int) -> str | None:
    """A name that is there twice or more; None where all differ.

    A hash table of the names would take ten times the memory.

    Args:
        names: gives all of them, part by part; called a second time only where one is repeated, or where two have the
            same key by chance.
        count: how many they are.

    Example:
        >>> repeated_name(lambda: [["a", "b"], ["a"]], count=3)
        'a'
    """
    keys, at = np.empty(count, np.uint64), 0
    for part in names():
        of_part = sample_keys(part)
        keys[at : at + len(of_part)] = of_part
        at += len(of_part)
    keys.sort()
    doubtful = keys[1:][keys[1:] == keys[:-1]]
    if not doubtful.size:
        return None
    seen: set[str] = set()
    for part in names():
        some = list(part)
        for place in np.flatnonzero(np.isin(sample_keys(some), doubtful)).tolist():
            if some[place] in seen:
                return some[place]
            seen.add(some[place])
    return None

"""Which split a face goes to, in which order, and the class id of its person."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceshards import rng
from faceshards.store.schema import NO_IDENTITY


class Placement(NamedTuple):
    """Where the faces go.

    Attributes:
        members: for each split, the indices of its faces in ascending order.
        identity: (N,) int64 class ids; -1 where the source knows no identities.
    """

    members: dict[str, NDArray[np.int64]]
    identity: NDArray[np.int64]


def place(
    sample_ids: Sequence[str], identities: Sequence[str | None], shares: Mapping[str, float], seed: int
) -> Placement:
    """Put whole identities into splits, by a hash that neither other faces nor their order change.

    Class ids run from 0 through the first split's identities in order of name, then on through the next split's: a
    trainer on the first split has contiguous classes, and no number ever means two people.

    Args:
        sample_ids: (N) unique.
        identities: (N) names; a face whose name is None counts as a person of its own.
        shares: split name to its share of the identities, adding up to 1.
        seed: of the draw.
    """
    units = [
        f"identity/{name}" if name is not None else f"sample/{i}"
        for i, name in zip(sample_ids, identities, strict=True)
    ]
    draw = rng.uniforms(rng.fold(rng.sample_keys(units), seed), 1)[:, 0]
    bounds = np.cumsum(list(shares.values()))[:-1]
    split_of = np.searchsorted(bounds, draw, side="right")
    named = sorted({(int(s), name) for s, name in zip(split_of, identities, strict=True) if name is not None})
    number = {name: i for i, (_, name) in enumerate(named)}
    return Placement(
        members={split: np.flatnonzero(split_of == i) for i, split in enumerate(shares)},
        identity=np.array([NO_IDENTITY if name is None else number[name] for name in identities], np.int64),
    )


def shuffled(
    members: Mapping[str, NDArray[np.int64]], sample_ids: Sequence[str], seed: int
) -> dict[str, NDArray[np.int64]]:
    """Put the faces of every split in random order: by a hash of (seed, sample id), whatever the source's is.

    Args:
        members: for each split, the indices of its faces.
        sample_ids: (N) unique.
        seed: of the order.

    Returns:
        The same indices, in the order of the rows.
    """
    place_in_order = rng.words(rng.fold(rng.sample_keys(f"order/{i}" for i in sample_ids), seed), 1)[:, 0]
    return {split: rows[np.argsort(place_in_order[rows], kind="stable")] for split, rows in members.items()}

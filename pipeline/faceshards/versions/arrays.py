"""What differs between the arrays of two versions, read only where they can differ.

A face in the same row of a shard whose file has the same hash in both inventories is the same, and nothing is read. One
that lies in the same row is held against itself, shard by shard. Those in other rows are first told apart by a hash of
16 bytes a face, for which both stores are read once in the order of their files; only region maps that differ are then
fetched again, to say which pixels they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from tqdm import tqdm

from faceshards.regions import IGNORE, N_REGIONS, Region
from faceshards.store.reader import Store
from faceshards.store.schema import OK
from faceshards.versions.difference import ArrayChanges, Became, RegionChanges
from faceshards.versions.faces import Pairs
from faceshards.versions.rows import Advance, Rows

REGION = "region"
IMAGE = "image"
_VARIANTS = ("variant", "erased")
"""Arrays whose first axis after the sample numbers the variants."""
_NONE = N_REGIONS  # what 255 is counted as
_BAR_AFTER_S = 2.0


@dataclass
class _Found:
    """What holding faces against each other adds up to.

    Attributes:
        changed: (n,) of the pairs.
        each_variant: (k,) faces by variant.
        became: (26, 26) pixels that changed, from region, to region.
    """

    changed: NDArray[np.bool_]
    each_variant: NDArray[np.int64]
    became: NDArray[np.int64] = field(default_factory=lambda: np.zeros((_NONE + 1, _NONE + 1), np.int64))


class Comparison:
    """Holds the arrays of two stores against each other, over the faces that are usable in both.

    Args:
        a: one version.
        b: the other.
        pairs: of their manifests.
    """

    def __init__(self, a: Store, b: Store, pairs: Pairs) -> None:
        self._a, self._b, self._pairs = a, b, pairs

    def arrays(self) -> dict[str, tuple[ArrayChanges, _Found]]:
        """Every array that either store has, with what was found. Raises as `Store.read`."""
        names = dict.fromkeys([*self._a.arrays, *self._b.arrays])
        return {name: self._compared(name) for name in names}

    def _compared(self, name: str) -> tuple[ArrayChanges, _Found]:
        variants, reason = self._comparable(name)
        found = _Found(np.zeros(len(self._pairs.b_rows), np.bool_), np.zeros(variants or 1, np.int64))
        if reason is not None:
            return ArrayChanges(name, 0, 0, skipped=reason), found
        self._compare(name, variants, found)
        faces = int(self._pairs.usable.sum())
        if variants is None:
            return ArrayChanges(name, faces, int(found.changed.sum())), found
        numbers = self._a.arrays[name].shape[0], self._b.arrays[name].shape[0]
        if numbers[0] != numbers[1]:
            found.changed |= self._pairs.usable
        return ArrayChanges(name, faces, int(found.changed.sum()), tuple(found.each_variant.tolist()), numbers), found

    def _comparable(self, name: str) -> tuple[int | None, str | None]:
        """How many variants both have, None where there is no such axis; and why the arrays do not compare."""
        if name not in self._a.arrays:
            return None, "only B has it"
        if name not in self._b.arrays:
            return None, "only A has it"
        a, b = self._a.arrays[name], self._b.arrays[name]
        variants = min(a.shape[0], b.shape[0]) if name in _VARIANTS else None
        cut = 0 if variants is None else 1
        if (a.dtype, a.shape[cut:]) != (b.dtype, b.shape[cut:]):
            return variants, f"{a.dtype} {list(a.shape)} in A, {b.dtype} {list(b.shape)} in B"
        return variants, None

    def _compare(self, name: str, variants: int | None, found: _Found) -> None:
        pairs = self._pairs
        open_ones = np.flatnonzero(pairs.usable & ~self._known_equal(name))
        if not open_ones.size:
            return
        sides = tuple(Rows(store, name, pairs.a.splits, variants) for store in (self._a, self._b))
        in_place = open_ones[pairs.in_place[open_ones]]
        elsewhere = open_ones[~pairs.in_place[open_ones]]
        total = in_place.size + 2 * elsewhere.size
        with tqdm(desc=name, total=total, unit="face", delay=_BAR_AFTER_S, leave=False, disable=None) as bar:
            self._hold_against(in_place, sides, name, found, bar.update)
            if elsewhere.size:
                first, second = (
                    side.digests(*self._places(elsewhere, which), bar.update) for which, side in enumerate(sides)
                )
                differs = (first != second).any(axis=2)
                found.changed[elsewhere] = differs.any(axis=1)
                if name == REGION:
                    self._hold_against(elsewhere[differs.any(axis=1)], sides, name, found, lambda _: None)
                else:
                    found.each_variant += differs.sum(axis=0)

    def _hold_against(
        self, which: NDArray[np.int64], sides: tuple[Rows, ...], name: str, found: _Found, advance: Advance
    ) -> None:
        for at in self._windows(which, sides[1].window):
            first, second = (side.read(*self._places(at, number)) for number, side in enumerate(sides))
            unlike = first != second
            k = found.each_variant.size
            differs = unlike.reshape(len(at), k, -1).any(axis=2)
            found.changed[at] = differs.any(axis=1)
            found.each_variant += differs.sum(axis=0)
            if name == REGION:
                was, now = (np.minimum(side[unlike], _NONE).astype(np.uint16) for side in (first, second))
                counts = np.bincount(was * (_NONE + 1) + now, minlength=(_NONE + 1) ** 2)
                found.became += counts.reshape(_NONE + 1, _NONE + 1)
            advance(len(at))

    def _windows(self, which: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
        """Pairs in the order in which they lie in B, so many at a time."""
        split, row = self._places(which, 1)
        ordered = which[np.lexsort((row, split))]
        for start in range(0, ordered.size, size):
            yield ordered[start : start + size]

    def _places(self, which: NDArray[np.int64], side: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        pairs = self._pairs
        faces, rows = ((pairs.a, pairs.a_rows), (pairs.b, pairs.b_rows))[side]
        return faces.split[rows[which]], faces.row[rows[which]]

    def _known_equal(self, name: str) -> NDArray[np.bool_]:
        """(n,) pairs that lie in the same row of a shard with the same hash."""
        pairs = self._pairs
        equal = np.zeros(len(pairs.b_rows), np.bool_)
        if any(_coding(store, name) != _coding(self._a, name) for store in (self._a, self._b)):
            return equal
        a, b = (_shard_hashes(store, name) for store in (self._a, self._b))
        split, row = self._places(np.arange(len(pairs.b_rows)), 1)
        shard = row // self._b.shard_rows
        for number, known in enumerate(pairs.b.splits):
            shards = [key[1] for key in b if key[0] == known and a.get(key) == b[key]]
            equal |= (split == number) & np.isin(shard, shards)
        return equal & pairs.in_place


def region_changes(a: Store, b: Store, pairs: Pairs, found: _Found) -> RegionChanges:
    """What was found about region maps, and the mean areas of all usable faces of each version."""
    pixels = int(pairs.usable.sum()) * int(np.prod(b.arrays[REGION].shape))
    changed = int(found.became.sum())
    order = np.argsort(-found.became, axis=None, kind="stable")[: int((found.became > 0).sum())]
    froms, tos = np.unravel_index(order, found.became.shape)
    became = tuple(Became(_region(i), _region(j), int(found.became[i, j])) for i, j in zip(froms, tos, strict=True))
    areas = [mean_areas(store) for store in (a, b)]
    mean = {region.label: (float(areas[0][region]), float(areas[1][region])) for region in Region}
    return RegionChanges(pixels, changed, changed / pixels if pixels else 0.0, became, mean)


def mean_areas(store: Store) -> NDArray[np.float64]:
    """(25,) mean pixels of each region over the usable faces: by the manifest where it has all, else by the maps."""
    usable = store.manifest.filter(
        pc.and_(pc.equal(store.manifest["status"], OK), pc.is_valid(store.manifest["split"]))
    )
    total = np.zeros(N_REGIONS)
    if "region_px" in usable.column_names and not usable["region_px"].null_count:
        for part in usable["region_px"].chunks:
            total += part.flatten().to_numpy().reshape(-1, N_REGIONS).sum(axis=0)
    else:
        with tqdm(
            desc="areas", total=usable.num_rows, unit="face", delay=_BAR_AFTER_S, leave=False, disable=None
        ) as bar:
            rows = Rows(store, REGION, tuple(store.splits))
            for split, name in enumerate(store.splits):
                row = np.sort(usable.filter(pc.equal(usable["split"], name))["row"].to_numpy())
                for start in range(0, row.size, rows.window):
                    part = row[start : start + rows.window]
                    maps = rows.read(np.full(part.size, split, np.int32), part)
                    total += np.bincount(maps.reshape(-1), minlength=IGNORE + 1)[:N_REGIONS]
                    bar.update(part.size)
    mean: NDArray[np.float64] = total / max(1, usable.num_rows)
    return mean


def _region(number: np.intp) -> str:
    return "none" if number == _NONE else Region(int(number)).label


def _coding(store: Store, array: str) -> tuple[object, ...]:
    spec = store.arrays[array]
    return spec.dtype, spec.shape, store.info["profile"], store.shard_rows, store.chunk_rows


def _shard_hashes(store: Store, array: str) -> dict[tuple[str, int], str]:
    files = store.inventory.filter(
        pc.and_(pc.equal(store.inventory["array"], array), pc.is_valid(store.inventory["shard"]))
    )
    keys = zip(files["split"].to_pylist(), files["shard"].to_pylist(), strict=True)
    return dict(zip(keys, files["sha256"].to_pylist(), strict=True))

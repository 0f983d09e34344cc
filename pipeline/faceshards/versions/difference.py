"""What two versions differ in, as plain values: what `faceshards diff --json` prints."""

from dataclasses import asdict, dataclass
from typing import Any

from faceshards.cells import json_text

SHOWN = 5
"""How many are named, of those that are counted."""


@dataclass(frozen=True)
class Some:
    """Faces or people, counted.

    Attributes:
        count: of all.
        first: the names of up to five, in the order of the manifest that has them.
    """

    count: int
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceChanges:
    """The faces of two manifests, paired by `sample_id`.

    Attributes:
        a, b: usable faces of each version.
        both: faces that are usable in both.
        added: faces that only B's manifest has.
        added_unusable: how many of these dropped out.
        removed: faces that only A's manifest has.
        dropped_out: usable in A, not in B; named with the reason.
        usable_again: usable in B, not in A.
        changed: usable in both, but with another image: of the aligned pixels, or of the bytes in the source.
        relabelled: usable in both, of another person in B: another `identity_name`, or class id where no name is known.
        renumbered: usable in both, of the same name and another class id.
        moved: usable in both, in another split.
        reordered: usable in both, in another row of the same split.
    """

    a: int
    b: int
    both: int
    added: Some
    added_unusable: int
    removed: Some
    dropped_out: Some
    usable_again: Some
    changed: Some
    relabelled: Some
    renumbered: Some
    moved: Some
    reordered: int


@dataclass(frozen=True)
class PeopleChanges:
    """The people with usable faces in one split."""

    split: str
    a: int
    b: int
    added: Some
    removed: Some


@dataclass(frozen=True)
class ArrayChanges:
    """One array over the faces that are usable in both.

    Attributes:
        array: its name.
        faces: how many were held against each other.
        changed: those whose values differ. Of arrays with another number of variants these are all.
        each_variant: faces that differ, by the number of the variant, of the variants that both have; None for arrays
            without that axis.
        variants: how many variants a face has in A and in B; None for arrays without that axis.
        skipped: why the arrays cannot be compared; None where they were.
    """

    array: str
    faces: int
    changed: int
    each_variant: tuple[int, ...] | None = None
    variants: tuple[int, int] | None = None
    skipped: str | None = None


@dataclass(frozen=True)
class Became:
    """Pixels that were of one region in A and are of another in B; a region's name, or ``"none"`` for 255."""

    a: str
    b: str
    pixels: int


@dataclass(frozen=True)
class RegionChanges:
    """The region maps of the faces that are usable in both.

    Attributes:
        pixels: of all these faces.
        changed: pixels whose region differs.
        share: `changed` of `pixels`, 0 to 1.
        became: from which region to which, most pixels first.
        mean_area: for each region, its mean pixels a usable face in A and in B.
    """

    pixels: int
    changed: int
    share: float
    became: tuple[Became, ...]
    mean_area: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Setting:
    """A value of `dataset.json` that differs.

    Attributes:
        key: dotted, such as ``provenance.erase.seed``.
        a, b: the values, None where it has none.
        only: ``"a"`` or ``"b"`` where only that version has the key.
    """

    key: str
    a: Any
    b: Any
    only: str | None = None


@dataclass(frozen=True)
class FileChanges:
    """Files of two stores, by path, and their bytes, by content.

    Attributes:
        files_a, files_b: how many each has.
        files_shared: with the same bytes at the same path.
        files_rewritten: with other bytes at the same path.
        files_added, files_removed: that only B, only A has.
        bytes_a, bytes_b: of all files of each.
        bytes_shared: of the contents that both have, at whatever path, each counted once: what DVC keeps once.
        bytes_only_a, bytes_only_b: of the contents that only one has: what B adds to a DVC remote that has A.
        bytes_rewritten: of B's files that A has with other bytes.
    """

    files_a: int
    files_b: int
    files_shared: int
    files_rewritten: int
    files_added: int
    files_removed: int
    bytes_a: int
    bytes_b: int
    bytes_shared: int
    bytes_only_a: int
    bytes_only_b: int
    bytes_rewritten: int


@dataclass(frozen=True)
class Difference:
    """All that tells version B of a store from version A.

    Attributes:
        a, b: what the versions were called.
        equal: whether `dataset.json`, and with it the hash of every file, is the same.
        faces, people, arrays, regions, settings, files: see there. `regions` is None where one has no region maps.
    """

    a: str
    b: str
    equal: bool
    faces: FaceChanges
    people: tuple[PeopleChanges, ...]
    arrays: tuple[ArrayChanges, ...]
    regions: RegionChanges | None
    settings: tuple[Setting, ...]
    files: FileChanges

    def as_json(self) -> str:
        """All of it as JSON, keys named as the attributes are."""
        return json_text(asdict(self))

"""The faces of an explanation, with their regions: from a store, or from images that are aligned and parsed first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.errors import BadSampleError, ParamsError
from faceshards.records import Float32Array, UInt8Array
from faceshards.source.alignment import Aligner
from faceshards.source.base import Source, numbers_people
from faceshards.source.decode import decode_image
from faceshards.store.classes import labels_of, refuse_strangers
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY, OK

Parse: TypeAlias = Callable[[UInt8Array], UInt8Array]
"""(B, 112, 112, 3) uint8 RGB to (B, 112, 112) uint8 regions: `faceshards.parsing.parser.Parser.parse`."""

_SOURCE_BATCH = 32


class Faces(NamedTuple):
    """A batch of aligned faces.

    Attributes:
        sample_ids: one a face.
        labels: (B,) int64, a classifier's outputs of the people: `faceshards.Dataset.labels`; -1 where unknown.
        names: of the people; their class id where they have no name, empty where unknown.
        images: (B, 112, 112, 3) uint8 RGB.
        regions: (B, 112, 112) uint8 region ids, 255 = ignore.
    """

    sample_ids: list[str]
    labels: NDArray[np.int64]
    names: list[str]
    images: UInt8Array
    regions: UInt8Array


class FaceReader(Protocol):
    """Faces in a fixed order, which can be gone through more than once."""

    @property
    def skipped(self) -> dict[str, str]:
        """Why, by sample id: faces that the last pass could not use."""
        ...

    def __len__(self) -> int:
        """How many faces, with those that will turn out to be unusable."""
        ...

    def __iter__(self) -> Iterator[Faces]: ...


class StoreFaces:
    """The usable faces of one split of a store, in the order of the store.

    Args:
        store: with images and regions.
        split: None for the only one.
        limit: only the first so many.

    Raises:
        ParamsError: no such split, none named where there are several, or a store without images or regions.
        StoreFormatError: a class id lies in none of the split's ranges.
    """

    def __init__(self, store: Store, split: str | None = None, limit: int | None = None) -> None:
        if missing := {"image", "region"} - set(store.arrays):
            raise ParamsError(
                f"{store.path}: expected a store with image and region, as of the stage erase (data/shards); it has no "
                f"{' and no '.join(sorted(missing))}"
            )
        if split is None and len(store.splits) > 1:
            raise ParamsError(f"{store.path} has several splits; name one: {', '.join(store.splits)}")
        self.split = split or next(iter(store.splits))
        if self.split not in store.splits:
            raise ParamsError(f"{store.path} has no split {split!r}; it has: {', '.join(store.splits)}")
        self._store = store
        self._classes = store.extents[self.split].classes
        columns = store.manifest.select(["sample_id", "identity", "identity_name", "split", "row", "status"])
        usable = pc.and_(pc.equal(columns["status"], OK), pc.equal(columns["split"], self.split))
        self._rows = columns.filter(usable).sort_by("row").slice(0, limit)
        refuse_strangers(self._rows["identity"].to_numpy(), self._classes, f"split {self.split!r} of {store.path}")
        self.skipped: dict[str, str] = {}

    def __len__(self) -> int:
        rows: int = self._rows.num_rows
        return rows

    def __iter__(self) -> Iterator[Faces]:
        rows = self._rows["row"].to_numpy()
        chunk = rows // self._store.chunk_rows
        for start, count in zip(*np.unique(chunk, return_index=True, return_counts=True)[1:], strict=True):
            here, at = self._rows.slice(start, count), rows[start : start + count]
            first, stop = int(at[0]), int(at[-1]) + 1
            identities = here["identity"].to_numpy().astype(np.int64)
            names = here["identity_name"].to_pylist()
            yield Faces(
                here["sample_id"].to_pylist(),
                labels_of(identities, self._classes),
                [_name(i, name) for i, name in zip(identities.tolist(), names, strict=True)],
                self._store.read(self.split, "image", first, stop)[at - first],
                self._store.read(self.split, "region", first, stop)[at - first],
            )


@dataclass
class SourceFaces:
    """The faces of a source, aligned as the stage `align` does it and parsed.

    People have labels in the order of their names, as by torchvision's ImageFolder, or their own numbers where the
    source numbers them; to `limit` faces they have the labels that they have in the whole source.

    Attributes:
        source: from `faceshards.source.open.open_source`.
        parse: cuts the faces into regions.
        align: says where the face of an image lies.
        limit: only the first so many.
        skipped: see `FaceReader`.
    """

    source: Source
    parse: Parse
    align: Aligner
    limit: int | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source) if self.limit is None else min(self.limit, len(self.source))

    def __iter__(self) -> Iterator[Faces]:
        self.skipped.clear()
        for start in range(0, len(self), _SOURCE_BATCH):
            good, images = [], []
            for index in range(start, min(start + _SOURCE_BATCH, len(self))):
                face = self.source.face(index)
                try:
                    data, landmarks = self.source.image_bytes(index), self.source.landmarks(index)
                    images.append(aligned_face(data, face.source_id, landmarks, self.align))
                except BadSampleError as error:
                    self.skipped[face.sample_id] = str(error)
                else:
                    good.append(face)
            if good:
                numbers = [NO_IDENTITY if f.identity is None else self._numbers[f.identity] for f in good]
                stack = np.stack(images)
                names = [f.identity or "" for f in good]
                yield Faces([f.sample_id for f in good], np.array(numbers, np.int64), names, stack, self.parse(stack))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        names = {name for i in range(len(self.source)) if (name := self.source.face(i).identity) is not None}
        if numbers_people(self.source):
            return {name: int(name) for name in names}
        return {name: number for number, name in enumerate(sorted(names))}


def aligned_face(data: bytes, what: str, landmarks: Float32Array | None, align: Aligner) -> UInt8Array:
    """An encoded image to an aligned face.

    Args:
        data: the file.
        what: what to call it in an error.
        landmarks: as `Source.landmarks`, or None.
        align: says where the face lies.

    Returns:
        (112, 112, 3) uint8 RGB.

    Raises:
        BadSampleError: it does not decode, has no face, or its points fit none.
    """
    image = decode_image(data, what)
    return align(image, landmarks).apply(image)


def _name(identity: int, name: str | None) -> str:
    return name or ("" if identity == NO_IDENTITY else str(identity))

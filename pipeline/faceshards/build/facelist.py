"""The faces of a source as columns: names, people, digests. A million of them take some 50 MB."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from faceshards import rng
from faceshards.rng import UInt64Array
from faceshards.source.base import Source, numbers_people
from faceshards.source.fingerprint import DIGEST_BYTES

T = TypeVar("T", bound=np.generic)

BATCH = 1 << 16
"""Faces that are Python objects at a time."""

NOBODY = -1
"""The place among the people of a face without a name."""

SHOW_AFTER_S = 2
"""Work that takes longer has a progress bar."""


@dataclass(frozen=True)
class FaceList:
    """What a plan must know of N faces of P people, in the order of the source.

    Attributes:
        sample_id: (N,) large string.
        person: (N,) int32, place in `people`; `NOBODY` where the source gives no name.
        people: (P,) large string, each name once.
        digest: (N,) binary of 16 bytes, `Source.digest`.
        image: (N,) uint64; faces of one image have one value, and other faces hardly ever.
        numbered: the names of people are the source's own numbers of classes.
    """

    sample_id: pa.LargeStringArray
    person: NDArray[np.int32]
    people: pa.LargeStringArray
    digest: pa.FixedSizeBinaryArray
    image: UInt64Array
    numbered: bool = False

    def __len__(self) -> int:
        return len(self.sample_id)


def list_faces(source: Source) -> FaceList:
    """Ask a source for the names and digests of all its faces; a progress bar shows where that takes a while."""
    ids, names, digests, images = [], [], [], []
    with tqdm(total=len(source), desc="plan", unit="face", delay=SHOW_AFTER_S, disable=None) as bar:
        for batch in batches(len(source)):
            faces = [source.face(index) for index in batch]
            ids.append(pa.array([face.sample_id for face in faces], pa.large_string()))
            names.append(pa.array([face.identity for face in faces], pa.large_string()).dictionary_encode())
            prints = [source.fingerprints(index) for index in batch]
            digests.append(b"".join([parts.digest for parts in prints]))
            images.append(b"".join([parts.image[:8].ljust(8) for parts in prints]))
            bar.update(len(faces))
    # Each column is joined and its pieces dropped before the next, or all would be there twice.
    person, people = encoded(pa.chunked_array(names, pa.dictionary(pa.int32(), pa.large_string())))
    del names
    sample_id = joined(pa.chunked_array(ids, pa.large_string()))
    del ids
    pa.default_memory_pool().release_unused()
    digest = pa.py_buffer(b"".join(digests))
    del digests
    digest = pa.FixedSizeBinaryArray.from_buffers(pa.binary(DIGEST_BYTES), len(sample_id), [None, digest])
    image = np.frombuffer(b"".join(images), "<u8")
    return FaceList(sample_id, person, people, digest, image, numbers_people(source))


_NO_PEOPLE = frozenset(
    (
        *("train", "training", "val", "valid", "validation", "test", "testing", "trainset", "valset", "testset"),
        *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "face", "faces", "data", "all"),
        *("raw", "original", "originals", "aligned", "cropped", "crops", "jpg", "jpeg", "png", "jpegimages", "dcim"),
        *("img_align_celeba", "celeba-hq-img", "images1024x1024", "thumbnails128x128"),
    )
)
_MANY = 10


def doubtful_people(faces: FaceList) -> list[str]:
    """The names of people who may be none: of a folder of images, or of a split, that was taken for a person's.

    Returns:
        All names where each is one that folders of images have, or where ten faces or more are all of one person; else
        none. Numbers of classes are never doubted.
    """
    names = [] if faces.numbered or len(faces.people) > len(_NO_PEOPLE) else faces.people.to_pylist()
    alone = len(names) == 1 and len(faces) >= _MANY and bool((faces.person != NOBODY).all())
    return names if alone or all(name.lower() in _NO_PEOPLE for name in names) else []


def batches(count: int) -> Iterator[range]:
    """``range(count)`` in pieces of `BATCH`."""
    return (range(start, min(start + BATCH, count)) for start in range(0, count, BATCH))


def joined(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, whatever it is chunked like."""
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def encoded(names: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.LargeStringArray]:
    """The codes and the distinct values of a column of dictionary-encoded strings; the code of null is `NOBODY`."""
    names = names.unify_dictionaries()
    values = names.chunk(0).dictionary if names.num_chunks else pa.array([], pa.large_string())
    indices = [chunk.indices.fill_null(NOBODY).to_numpy(zero_copy_only=False) for chunk in names.chunks]
    codes = np.concatenate([np.empty(0, np.int32), *indices]).astype(np.int32, copy=False)
    # A dictionary may hold values that no row has.
    used = np.zeros(len(values), bool)
    used[codes[codes != NOBODY]] = True
    renumbered = np.append(np.cumsum(used, dtype=np.int32) - 1, np.int32(NOBODY))
    return renumbered[codes], values.filter(pa.array(used)).cast(pa.large_string())


def drawn(names: pa.LargeStringArray, prefix: str, draw: Callable[[UInt64Array], NDArray[T]]) -> NDArray[T]:
    """What is drawn for each name, by a key that no other name changes.

    Args:
        names: (N,) large string.
        prefix: keeps the draws of one kind apart from those of others; the key is that of ``f"{prefix}/{name}"``.
        draw: from keys (n,) to values (n,); it is called with some at a time.

    Returns:
        (N,) values.
    """
    parts = [draw(np.empty(0, np.uint64))]
    for batch in batches(len(names)):
        some = names.slice(batch.start, len(batch)).to_pylist()
        parts.append(draw(rng.sample_keys(f"{prefix}/{name}" for name in some)))
    return np.concatenate(parts)

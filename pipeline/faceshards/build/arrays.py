"""The arrays that the stages write, with the shape of one face in each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.ops.align import ALIGNED_SIZE
from faceshards.regions import IGNORE
from faceshards.store.schema import ArraySpec

_PIXELS = ("y", "x")

IMAGE = ArraySpec("image", "uint8", (ALIGNED_SIZE, ALIGNED_SIZE, 3), (*_PIXELS, "channel"))
"""The aligned face, RGB."""

TRUTH = ArraySpec("truth", "uint8", (ALIGNED_SIZE, ALIGNED_SIZE), _PIXELS, IGNORE)
"""The source's own region map where it has one; 255 throughout where it has none."""

REGION = ArraySpec("region", "uint8", (ALIGNED_SIZE, ALIGNED_SIZE), _PIXELS, IGNORE)
"""The region map that goes with the face."""

IDENTITY = ArraySpec("identity", "int64", fill_value=-1)
"""The class id of the person; -1 where the source knows no identities."""


def variant(count: int) -> ArraySpec:
    """`count` erased variants of each face."""
    return ArraySpec("variant", "uint8", (count, *IMAGE.shape), ("erasure", *IMAGE.dimension_names))


def erased(count: int) -> ArraySpec:
    """For each variant, the bit mask of the regions erased in it."""
    return ArraySpec("erased", "uint32", (count,), ("erasure",))


def of_shards(variants: int, *, images: bool) -> tuple[ArraySpec, ...]:
    """The arrays of the final store: faces or not, their maps, so many variants, who they are."""
    faces = (IMAGE,) if images else ()
    erasures = (variant(variants), erased(variants)) if variants else ()
    return (*faces, REGION, *erasures, IDENTITY)


def filled(array: ArraySpec, rows: int) -> NDArray[Any]:
    """So many rows of an array that hold no face."""
    return np.full((rows, *array.shape), array.fill_value, array.numpy_dtype)

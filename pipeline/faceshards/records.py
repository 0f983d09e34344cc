"""The frozen values that flow from source to trainer."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

UInt8Array: TypeAlias = NDArray[np.uint8]
Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]

Batch: TypeAlias = dict[str, NDArray[np.generic]]
"""A batch: field name to an array whose first axis is the sample."""

LabelScheme: TypeAlias = Literal["facesynthetics", "regions25"]


@dataclass(frozen=True, slots=True)
class SourceFace:
    """Who a face is, before a byte of it is read.

    Attributes:
        sample_id: unique within the source and stable between runs; random draws are keyed by it.
        source_id: where it lies inside the source, for a person who wants to look: ``"dataset_100.zip/000000.png"``.
        identity: the source's own name of the person, or None where the source knows no identities.
    """

    sample_id: str
    source_id: str
    identity: str | None


class Truth(NamedTuple):
    """Ground-truth labels of one unaligned face.

    Attributes:
        labels: (H, W) uint8, class ids of `scheme`, 255 = ignore.
        scheme: ``"facesynthetics"`` (19 coarse classes) or ``"regions25"`` (the 25 regions).
        remark: what was put right in the labels: a code, a colon and a sentence; None where nothing was.
    """

    labels: UInt8Array
    scheme: LabelScheme
    remark: str | None = None

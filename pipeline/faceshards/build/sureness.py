"""How sure the parser was, as columns of the manifest, as metrics, and as remarks on doubtful faces."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.regions import N_REGIONS, Region
from faceshards.store.reader import Store

if TYPE_CHECKING:  # the stages after `parse` start without torch
    from faceshards.parsing.certainty import Confidence

CONFIDENCE = pa.field("confidence", pa.float32())
"""Mean probability of a pixel's region, by the parser; null where the map is not the parser's."""

REGION_CONFIDENCE = pa.field("region_confidence", pa.list_(pa.float32(), N_REGIONS))
"""The same over the pixels of each region; null for a region that the face does not show."""

MIRROR_AGREEMENT = pa.field("mirror_agreement", pa.float32())
"""Share of the pixels to which the parser gives the region that it gives them in the mirrored face."""

COLUMNS = (CONFIDENCE, REGION_CONFIDENCE, MIRROR_AGREEMENT)

DOUBTFUL = "doubtful_regions"
"""The code of the remark on a face of which the parser was less sure than was asked for."""

_LOW = 0.05


@dataclass(frozen=True)
class Sureness:
    """How sure the network was, by the manifest's columns; None where no face was parsed.

    Attributes:
        mean: of the faces' confidence.
        low: the confidence that 5 % of the faces do not reach.
        agreement: mean share of the pixels on which face and mirror image agree; None also without mirror images.
        regions: for each of the 25, the mean over the faces that show it; None where none does.
    """

    mean: float | None
    low: float | None
    agreement: float | None
    regions: tuple[float | None, ...]

    def as_metrics(self) -> dict[str, Any]:
        """Of four digits, the regions by name."""
        regions = {region.label: _digits(share) for region, share in zip(Region, self.regions, strict=True)}
        return {
            "mean": _digits(self.mean),
            "low": _digits(self.low),
            "agreement": _digits(self.agreement),
            "regions": regions,
        }


class SurenessNotes:
    """What a parser said of the rows of a shard, as columns of the manifest.

    Args:
        rows: of the shard.
    """

    def __init__(self, rows: int) -> None:
        self._face = np.full(rows, np.nan, np.float32)
        self._region = np.full((rows, N_REGIONS), np.nan, np.float32)
        self._agreement = np.full(rows, np.nan, np.float32)

    def add(self, rows: NDArray[np.int64], confidence: "Confidence") -> None:
        """Note what it said of some of them."""
        self._face[rows] = confidence.face
        self._region[rows] = confidence.region
        if confidence.agreement is not None:
            self._agreement[rows] = confidence.agreement

    def columns(self, at: NDArray[np.int64]) -> dict[str, pa.Array]:
        """The columns of the faces in these rows; null where nothing was said."""
        known = ~np.isnan(self._face[at])
        shares = pa.array(self._region[at].reshape(-1), from_pandas=True)
        return {
            CONFIDENCE.name: pa.array(self._face[at], from_pandas=True),
            REGION_CONFIDENCE.name: pa.FixedSizeListArray.from_arrays(shares, N_REGIONS, mask=pa.array(~known)),
            MIRROR_AGREEMENT.name: pa.array(self._agreement[at], from_pandas=True),
        }


def sureness_of(parsed: Store) -> Sureness:
    """Sum up the columns that say how sure the network was."""
    faces, done = np.empty(sum(parsed.splits.values()), np.float32), 0
    agreement, agreeing = 0.0, 0
    total, count = np.zeros(N_REGIONS), np.zeros(N_REGIONS, np.int64)
    for part in parsed.manifest_parts([field.name for field in COLUMNS]):
        face, mirror = (part[field.name].drop_null().to_numpy() for field in (CONFIDENCE, MIRROR_AGREEMENT))
        faces[done : done + len(face)] = face
        done += len(face)
        agreement += float(mirror.sum(dtype=np.float64))
        agreeing += len(mirror)
        shares = part[REGION_CONFIDENCE.name].combine_chunks().flatten()
        region = shares.to_numpy(zero_copy_only=False).reshape(-1, N_REGIONS)
        total += np.nansum(region, axis=0, dtype=np.float64)
        count += (~np.isnan(region)).sum(axis=0)
    sure = faces[:done]
    return Sureness(
        float(sure.mean(dtype=np.float64)) if done else None,
        float(np.quantile(sure, _LOW, overwrite_input=True)) if done else None,
        agreement / agreeing if agreeing else None,
        tuple(float(t / n) if n else None for t, n in zip(total, count, strict=True)),
    )


def with_remarks(reason: pa.ChunkedArray, confidence: pa.ChunkedArray, least: float) -> pa.Array:
    """The reasons of faces, with a line more where the confidence is less than the least."""
    least = float(np.float32(least))  # as the column has it
    found = []
    for text, sure in zip(reason.to_pylist(), confidence.to_pylist(), strict=True):
        doubt = f"{DOUBTFUL}: the parser's confidence is {sure:.4f}" if sure is not None and sure < least else None
        lines = [line for line in (text, doubt) if line is not None]
        found.append("\n".join(lines) if lines else None)
    return pa.array(found, pa.string())


def _digits(share: float | None) -> float | None:
    return None if share is None else round(share, 4)

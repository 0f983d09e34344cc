"""What tells a data set from the version that it continues, by both manifests alone: no pixel is read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faceshards.build.sureness import CONFIDENCE
from faceshards.errors import CorruptShardError, ReportInputError, StoreFormatError
from faceshards.regions import N_REGIONS, REGION_NAMES
from faceshards.report.faces import Faces
from faceshards.store.schema import MANIFEST_BASE, OK, REGION_PX
from faceshards.store.tables import decode_table
from faceshards.versions.difference import FaceChanges, PeopleChanges
from faceshards.versions.faces import face_changes, pair_manifests, people_changes


@dataclass(frozen=True)
class Changes:
    """What became of the version before, here A, in this one, here B.

    Attributes:
        faces: as `faceshards diff` counts them; a changed image is one of other bytes in the source.
        people: by split.
        areas: by region, its mean pixels a usable face in A and in B; empty where A has none.
        confidence: the mean of both versions' faces, 0 to 1; None where one has none.
    """

    faces: FaceChanges
    people: tuple[PeopleChanges, ...]
    areas: dict[str, tuple[float, float]]
    confidence: tuple[float, float] | None


def changes(faces: Faces, earlier: Path) -> Changes:
    """Hold a data set against the manifest of the version before.

    Raises:
        ReportInputError: `earlier` is no manifest.
    """
    before, now = read_manifest_before(earlier), faces.store.manifest
    splits = tuple(dict.fromkeys([*pc.unique(before["split"]).to_pylist(), *faces.store.splits]))
    pairs = pair_manifests(before, now, splits)
    areas = _mean_areas(before), _mean_areas(now)
    confidence = _mean_confidence(before), _mean_confidence(now)
    return Changes(
        face_changes(pairs, np.zeros(len(pairs.a_rows), np.bool_)),
        people_changes(pairs),
        dict(zip(REGION_NAMES, zip(*areas, strict=True), strict=True)) if areas[0] and areas[1] else {},
        None if confidence[0] is None or confidence[1] is None else (confidence[0], confidence[1]),
    )


def read_manifest_before(path: Path) -> pa.Table:
    """The manifest of the version before.

    Raises:
        ReportInputError: it is none.
    """
    try:
        table = decode_table(path, str(path))
    except (StoreFormatError, CorruptShardError) as error:
        raise ReportInputError(
            f"{path}: expected the manifest of the version before; it does not read ({error})"
        ) from error
    if missing := [field.name for field in MANIFEST_BASE if field.name not in table.column_names]:
        raise ReportInputError(
            f"{path}: expected the manifest of the version before; it has no column {', '.join(missing)}"
        )
    return table


def _usable(manifest: pa.Table) -> pa.Table:
    return manifest.filter(pc.equal(manifest["status"], OK))


def _mean_areas(manifest: pa.Table) -> list[float]:
    if REGION_PX.name not in manifest.column_names:
        return []
    areas = _usable(manifest)[REGION_PX.name].combine_chunks().flatten().to_numpy().reshape(-1, N_REGIONS)
    return areas.mean(axis=0).tolist() if len(areas) else []


def _mean_confidence(manifest: pa.Table) -> float | None:
    if CONFIDENCE.name not in manifest.column_names:
        return None
    mean: float | None = pc.mean(_usable(manifest)[CONFIDENCE.name].cast(pa.float64())).as_py()
    return mean

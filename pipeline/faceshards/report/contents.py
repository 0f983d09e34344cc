"""All that the page's script reads: the numbers of the faces, their pictures, duplicates, people and mean maps."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.build.params import ReportParams
from faceshards.cells import visible
from faceshards.regions import PALETTE, REGION_NAMES
from faceshards.report.agreement import Compared
from faceshards.report.faces import Faces
from faceshards.report.gallery import gallery_faces
from faceshards.report.measures import MEASURES
from faceshards.report.names import face, person
from faceshards.report.originals import Originals
from faceshards.report.payload import coded, coded_areas, pack
from faceshards.report.pictures import encoded
from faceshards.report.rows import Rows, rows_of
from faceshards.report.sample import pick
from faceshards.report.similar import find_alike
from faceshards.report.statistics import seen_together
from faceshards.report.survey import Survey
from faceshards.store.schema import NO_IDENTITY

_SENTENCES = 5_000
"""So many faces that dropped out or have a remark have the whole sentence in the page."""


@dataclass(frozen=True)
class Contents:
    """What the script reads, and what the page says of it without a script.

    Attributes:
        packed: as `payload.pack` gives it.
        rows: faces whose numbers are in it.
        dropped: how many of these dropped out.
        surveyed: usable faces whose pixels were looked at.
        pictures: faces with a picture.
        originals: faces that dropped out, with a picture.
        sets: sets of duplicates.
        measures: label and explanation of each number.
    """

    packed: str
    rows: int
    dropped: int
    surveyed: int
    pictures: int
    originals: int
    sets: int
    measures: tuple[tuple[str, str], ...]


def contents_of(
    faces: Faces, looked: Survey, compared: Compared, originals: Originals | None, params: ReportParams
) -> Contents:
    """Collect and pack.

    Args:
        faces: that the page is about.
        looked: what their pixels said.
        compared: with their ground truth.
        originals: the source; None where it can't be read.
        params: how much of all is shown.
    """
    rows = rows_of(faces, looked, compared, params.faces)
    manifest = faces.store.manifest.take(rows.places)
    sets = _sets(rows, looked, manifest)
    texts: dict[str, Any] = {
        "regions": [name.replace("_", " ") for name in REGION_NAMES],
        "palette": PALETTE,
        "splits": list(faces.store.splits),
        "codeNames": [visible(code) for code in rows.code_names],
        "ids": _ids(rows, manifest, named=params.pictures),
        "side": list(faces.store.arrays["region"].shape),
        "sets": sets,
        "usableFaces": faces.usable.num_rows,
        **_sentences(rows, manifest, named=params.pictures),
    }
    people, texts["people"] = _people(manifest, named=params.pictures)
    arrays: dict[str, NDArray[Any]] = {
        "person": people,
        "split": rows.split,
        "usable": (rows.usable >= 0).astype(np.uint8),
        "codes": rows.codes,
        "areas": coded_areas(rows.areas, _pixels(faces)).T,
        "meanMaps": looked.region_share,
        "together": seen_together(faces),
    }
    told = [measure for measure in MEASURES if measure.key in rows.measures]
    texts["measures"] = []
    for number, measure in enumerate(told):
        codes, scale, offset = coded(rows.measures[measure.key], 10.0**-measure.digits)
        arrays[f"measure{number}"] = codes
        texts["measures"].append({**asdict(measure), "scale": scale, "offset": offset})
    texts["meanFace"] = encoded(looked.pixels.mean) if params.pictures and looked.pixels is not None else None
    pictures, maps = _pictures(faces, rows, sets, params)
    texts["pictures"] = pictures
    arrays["maps"] = maps
    texts["originals"] = _originals(rows, manifest, originals, params)
    return Contents(
        packed=pack(texts, arrays),
        rows=len(rows),
        dropped=int((rows.usable < 0).sum()),
        surveyed=len(looked.faces),
        pictures=len(pictures),
        originals=len(texts["originals"]),
        sets=len(sets),
        measures=tuple((measure.label, measure.help) for measure in told),
    )


def _pixels(faces: Faces) -> int:
    height, width = faces.store.arrays["region"].shape
    return height * width


def _ids(rows: Rows, manifest: pa.Table, *, named: bool) -> list[str]:
    ids = zip(rows.places.tolist(), manifest["sample_id"].to_pylist(), strict=True)
    return [visible(face(place, sample_id, named=named)) for place, sample_id in ids]


def _people(manifest: pa.Table, *, named: bool) -> tuple[NDArray[np.uint32], list[str]]:
    """Which person each row is, from 1, and what they are called; 0 is a person whom nobody knows."""
    known: dict[str, int] = {}
    out = np.zeros(manifest.num_rows, np.uint32)
    columns = zip(manifest["identity"].to_pylist(), manifest["identity_name"].to_pylist(), strict=True)
    for row, (identity, name) in enumerate(columns):
        called = person(identity, name, named=named)
        if called is not None:
            out[row] = known.setdefault(visible(called), len(known) + 1)
    return out, list(known)


def _sentences(rows: Rows, manifest: pa.Table, *, named: bool) -> dict[str, Any]:
    """Reasons and remarks in full, and where these faces lie in the source."""
    if not named:
        return {"sentences": {}, "where": {}}
    told = np.flatnonzero(rows.codes)[:_SENTENCES]
    some = manifest.select(["reason", "source_id"]).take(told)
    return {
        "sentences": {
            row: [visible(line) for line in (reason or "no reason given").split("\n")]
            for row, reason in zip(told.tolist(), some["reason"].to_pylist(), strict=True)
        },
        "where": dict(zip(told.tolist(), map(visible, some["source_id"].to_pylist()), strict=True)),
    }


def _sets(rows: Rows, looked: Survey, manifest: pa.Table) -> list[dict[str, Any]]:
    """Sets of duplicates, those of several people or splits first."""
    if looked.pixels is None:
        return []
    at = np.flatnonzero(rows.surveyed >= 0)
    identity = manifest["identity"].to_numpy()
    found = []
    for alike in find_alike(looked.pixels.exact, looked.pixels.hashes, looked.pixels.small):
        members = at[alike.faces]
        people = len(set(identity[members].tolist()) - {NO_IDENTITY})
        splits = len(set(rows.split[members].tolist()))
        found.append({"rows": members.tolist(), "exact": alike.exact, "people": people, "splits": splits})
    return sorted(found, key=lambda one: (one["people"] < 2 and one["splits"] < 2, one["rows"]))


def _pictures(
    faces: Faces, rows: Rows, sets: list[dict[str, Any]], params: ReportParams
) -> tuple[list[dict[str, Any]], NDArray[np.uint8]]:
    """Pictures of some faces, with what is erased in their variants, and their region maps: (n, H, W)."""
    height, width = faces.store.arrays["region"].shape
    none = np.empty((0, height, width), np.uint8)
    if not params.pictures:
        return [], none
    cards = np.flatnonzero(np.isin(rows.usable, gallery_faces(faces, params.gallery)))
    picked = pick(rows, [np.array(one["rows"], np.int64) for one in sets], cards, params.thumbnails)
    in_gallery = set(cards.tolist())
    found, maps = [], []
    for row in picked.tolist():
        usable = int(rows.usable[row])
        image = faces.image(usable)
        one: dict[str, Any] = {"row": row, "face": None if image is None else encoded(image)}
        if faces.variants:
            one["erased"] = faces.usable["erased"][usable].as_py()
        if row in in_gallery:
            one["card"] = f"face-{rows.places[row]}"
        found.append(one)
        maps.append(faces.read("region", usable))
    return found, np.stack(maps) if maps else none


def _originals(
    rows: Rows, manifest: pa.Table, originals: Originals | None, params: ReportParams
) -> list[dict[str, Any]]:
    """Pictures of some faces that dropped out, evenly from the first to the last of those that have one."""
    dropped = np.flatnonzero(rows.usable < 0)
    if originals is None or not params.pictures or not params.dropped:
        return []
    if len(dropped) > params.dropped:
        dropped = dropped[np.linspace(0, len(dropped) - 1, params.dropped).round().astype(np.int64)]
    found = []
    for row in dropped.tolist():
        split, place, name = (manifest[column][row].as_py() for column in ("split", "row", "sample_id"))
        image = originals.picture(split, place, name)
        if image is not None:
            found.append({"row": row, "face": encoded(image)})
    return found

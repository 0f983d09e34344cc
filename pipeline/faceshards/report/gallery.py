"""Cards of single faces: who it is, and a row of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.build.sureness import CONFIDENCE
from faceshards.regions import Region
from faceshards.report.agreement import Compared, agreement
from faceshards.report.faces import Faces
from faceshards.report.names import person
from faceshards.report.pictures import data_uri, difference, region_overlay

WORST = 6
"""How many of the worst-parsed faces are shown."""


@dataclass(frozen=True)
class Picture:
    """One picture of a card: a data URI, what it shows for those who do not see it, and its caption."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Card:
    """One face.

    Attributes:
        place: its row of the manifest.
        identity: the person's name, or number, or a word for unknown.
        agreement: share of its pixels whose region is the true one; None where there is no truth to compare with.
        confidence: mean probability of a pixel's region, by the parser; None where the map is not the parser's.
        pictures: the face and its maps.
        variants: the erased ones.
    """

    place: int
    sample_id: str
    identity: str
    split: str
    agreement: float | None
    confidence: float | None
    pictures: tuple[Picture, ...]
    variants: tuple[Picture, ...]


@dataclass(frozen=True)
class WorstParsed:
    """The worst-parsed faces, worst first, out of how many that were compared with their truth."""

    cards: tuple[Card, ...]
    examined: int


def gallery(faces: Faces, count: int) -> tuple[Card, ...]:
    """Cards of `count` faces, or of all where there are fewer, evenly over the manifest from the first to the last."""
    return tuple(_card(faces, face, variants=True) for face in gallery_faces(faces, count).tolist())


def gallery_faces(faces: Faces, count: int) -> NDArray[np.int64]:
    """The faces of the gallery, counted among the usable ones."""
    n = faces.usable.num_rows
    return np.linspace(0, n - 1, min(count, n)).round().astype(np.int64)


def worst_parsed(faces: Faces, compared: Compared) -> WorstParsed | None:
    """The `WORST` faces with the least agreement, or None where there is no ground truth to compare with."""
    if not len(compared.faces):
        return None
    cards = tuple(_card(faces, int(face), variants=False) for face in compared.faces[:WORST])
    return WorstParsed(cards, len(compared.faces))


def doubtful(faces: Faces) -> tuple[Card, ...]:
    """Cards of the `WORST` faces of which the parser was least sure, the least sure first."""
    if CONFIDENCE.name not in faces.usable.column_names:
        return ()
    confidence = faces.usable[CONFIDENCE.name].to_numpy()
    ranked = np.argsort(confidence, kind="stable")[: min(WORST, int((~np.isnan(confidence)).sum()))]
    return tuple(_card(faces, int(face), variants=False) for face in ranked)


def _card(faces: Faces, face: int, *, variants: bool) -> Card:
    row = faces.usable.slice(face, 1).to_pylist()[0]
    name = row["sample_id"]
    image, regions = faces.image(face), faces.read("region", face)
    pictures = []
    if image is None:  # the map is shown by itself
        image = np.zeros((*regions.shape, 3), np.uint8)
    else:
        pictures = [Picture(data_uri(image), f"Aligned face of {name}", "aligned face")]
    pictures.append(Picture(data_uri(region_overlay(image, regions)), f"Region map over the face of {name}", "regions"))
    agreed = None
    if faces.with_truth[face] and not faces.regions_are_truth:
        truth = faces.truth(row["split"], row["row"], row["row"] + 1)[0]
        pictures.append(Picture(data_uri(region_overlay(image, truth)), f"True regions of {name}", "ground truth"))
        agreed = float(agreement(regions[None], truth[None])[0])
        if not variants:
            wrong = difference(image, regions, truth)
            pictures.append(Picture(data_uri(wrong), f"Wrongly parsed pixels of {name}, in red", "where they differ"))
    return Card(
        place=int(faces.places[face]),
        sample_id=name,
        identity=person(row["identity"], row["identity_name"], named=True) or "person unknown",
        split=row["split"],
        agreement=agreed,
        confidence=row.get(CONFIDENCE.name),
        pictures=tuple(pictures),
        variants=tuple(_variants(faces, face, name)) if variants and faces.variants else (),
    )


def _variants(faces: Faces, face: int, name: str) -> Iterator[Picture]:
    masks = faces.read("erased", face)
    for number, (image, mask) in enumerate(zip(faces.read("variant", face), masks, strict=True), 1):
        names = ", ".join(region.label.replace("_", " ") for region in Region.of_mask(int(mask))) or "nothing"
        yield Picture(data_uri(image), f"Variant {number} of {name}, erased: {names}", names)

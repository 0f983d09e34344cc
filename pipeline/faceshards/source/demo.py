"""Demo faces: a small invented data set in FaceSynthetics' own layout, free of any licence, rendered on the spot."""

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import pydantic.dataclasses
from pydantic import ConfigDict, Field
from tqdm import tqdm

from faceshards.records import UInt8Array
from faceshards.source.demoface import DemoFace, render_face
from faceshards.store.durable import written_whole

__all__ = ["DemoFace", "DemoRecipe", "render_face", "write_demo_zip"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: one fixed value, so that bytes repeat


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class DemoRecipe:
    """How many faces to render, and from which seed.

    Attributes:
        kind: always "demo".
        seed: of every trait; another seed is another set of people.
        identities: how many people.
        views: pictures of each; frame ``identity * views + view`` shows that view of that person.
        size: edge of the square frames in pixels.
    """

    kind: Literal["demo"] = "demo"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    identities: Annotated[int, Field(gt=0, le=10_000)] = 24
    views: Annotated[int, Field(gt=0, le=100)] = 4
    size: Annotated[int, Field(ge=64, le=2048)] = 512


def write_demo_zip(path: Path, recipe: DemoRecipe) -> None:
    """Render a recipe into one zip in FaceSynthetics' layout, with a table of who is on which frame.

    Members are ``{id:06d}.png`` (RGB), ``{id:06d}_seg.png`` (uint8 classes), ``{id:06d}_ldmks.txt`` (70 rows ``x y``)
    and ``identities.csv`` (``sample_id,identity``). The same recipe gives the same bytes on every run; the file
    appears under its name only once it is whole.

    Raises:
        OSError: it cannot be written, as on a full disk.
    """
    with written_whole(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _members(recipe):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _members(recipe: DemoRecipe) -> Iterator[tuple[str, bytes]]:
    table = ["sample_id,identity"]
    frames = range(recipe.identities * recipe.views)
    for frame in tqdm(frames, desc="demo faces", unit="face", disable=not sys.stderr.isatty()):
        identity, view = divmod(frame, recipe.views)
        face = render_face(recipe.seed, identity, view, recipe.size)
        name = f"{frame:06d}"
        yield f"{name}.png", _png(face.image[..., ::-1])
        yield f"{name}_seg.png", _png(face.labels)
        rows = io.StringIO()
        np.savetxt(rows, face.landmarks, fmt="%.3f")
        yield f"{name}_ldmks.txt", rows.getvalue().encode()
        table.append(f"{name},person_{identity:02d}")
    yield "identities.csv", ("\n".join(table) + "\n").encode()


def _png(pixels: UInt8Array) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1].data)

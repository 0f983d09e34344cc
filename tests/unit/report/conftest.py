"""The stores that the report is tested on."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from odd_faces import BIDI, COPIED, COPY, LOST_POINTS, TRUNCATED
from small_stores import PLAN, Build, build

from faceshards.build.source import ResolvedSource, write_note
from faceshards.source.demo import render_face
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.imagefolder import ImageFolder

FACES = 10


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Ten demo faces of five people: one with a truncated picture, one without landmarks, one the copy of another."""
    folder = tmp_path_factory.mktemp("demo")
    frames = folder / "frames"
    frames.mkdir()
    people = ["sample_id,identity"]
    for frame in range(FACES):
        shown = COPIED if frame == COPY else frame
        face = render_face(0, shown // 2, shown % 2, 192)
        stem = f"{frame:06d}"
        cv2.imwrite(str(frames / f"{stem}.png"), face.image[..., ::-1])
        cv2.imwrite(str(frames / f"{stem}_seg.png"), face.labels)
        np.savetxt(frames / f"{stem}_ldmks.txt", face.landmarks, fmt="%.3f")
        people.append(f"{stem},person_{frame // 2}")
    picture = frames / f"{TRUNCATED:06d}.png"
    picture.write_bytes(picture.read_bytes()[:2000])
    (frames / f"{LOST_POINTS:06d}_ldmks.txt").unlink()
    (frames / "identities.csv").write_text("\n".join(people))
    note = ResolvedSource("demo", str(frames), True, "facesynthetics", None, None, None, "MIT")
    write_note(note, folder / "source")
    return build(folder, FaceSynthetics(frames))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Faces without ground truth, whose names are HTML."""
    folder = tmp_path_factory.mktemp("hostile")
    person = folder / "<i>faces" / "<script>alert(1)"
    person.mkdir(parents=True)
    for name in ('"><img src=x onerror=alert(2)>', "&lt;b&gt;", "'{{ 7 * 7 }}", BIDI):
        cv2.imwrite(str(person / f"{name}.png"), np.full((112, 112, 3), 99, np.uint8))
    (person / "<svg onload=alert(3)>.png").write_bytes(b"no picture")
    return build(folder, ImageFolder(person.parent), plan_params=replace(PLAN, splits={"train": 1.0}))

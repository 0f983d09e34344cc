"""A folder of photographs becomes aligned faces with no setting but its path."""

import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_pipeline import PINNED, ROOT, digest

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.params import RunParams, load_params
from faceshards.build.plan import plan_faces
from faceshards.store.reader import Store

PEOPLE = ("Aaron_Peirsol", "Abdoulaye_Wade", "Abel_Pacheco")


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs as they come: two people twice, one upside down, two people on one, and one of nobody."""
    folder = tmp_path_factory.mktemp("photos") / "my_photos"
    archive = shared / "lfw" / "lfw-deepfunneled.zip"
    if not archive.is_file():
        pytest.skip(f"no {archive}: LFW is not distributed with the project")
    with zipfile.ZipFile(archive) as lfw:
        members = {Path(name).name: name for name in lfw.namelist()}
        files = {f"{person}/{k}.jpg": lfw.read(members[f"{person}_{k:04d}.jpg"]) for person in PEOPLE for k in (1, 2)}
    images = {name: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for name, data in files.items()}
    images["Aaron_Peirsol/2.jpg"] = images["Aaron_Peirsol/2.jpg"][::-1, ::-1]
    larger = cv2.resize(images["Abel_Pacheco/1.jpg"], (300, 300), interpolation=cv2.INTER_LINEAR)[25:275]
    images["Abel_Pacheco/1.jpg"] = np.concatenate([images["Abdoulaye_Wade/1.jpg"], larger], axis=1)
    images["Abdoulaye_Wade/2.jpg"] = np.full((240, 320, 3), 90, np.uint8)
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), image)
    return folder


def aligned(folder: Path, data: Path, workers: int) -> Path:
    whole = load_params(ROOT / "params.yaml")
    run = RunParams(workers=workers)
    make_source(replace(whole.source, path=str(folder)), run, data / "source", PINNED)
    plan_faces(data / "source", data / "plan", whole.plan)
    store = replace(whole.store, shard_rows=2, chunk_rows=1)
    align_faces(data / "source", data / "plan", data / "aligned", whole.align, store, run)
    return data / "aligned"


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one worker makes of the photographs."""
    return aligned(folder, tmp_path_factory.mktemp("made"), 1)


def test_every_photograph_is_a_face_or_a_row_with_a_reason(made: Path) -> None:
    store = Store.open(made)
    rows = {row["sample_id"]: row for row in store.manifest.to_pylist()}
    assert len(rows) == 6
    assert rows.pop("Abdoulaye_Wade/2")["reason"].startswith("no_face_found: ")
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows.pop("Abel_Pacheco/1")["reason"] == "several_faces: the largest of 2 faces in the image was taken"
    assert {row["reason"] for row in rows.values()} == {None}


def test_a_photograph_that_lies_upside_down_is_set_upright(folder: Path, made: Path, tmp_path: Path) -> None:
    turned = folder / "Aaron_Peirsol" / "2.jpg"
    upright = tmp_path / "photos" / "Aaron_Peirsol" / "2.png"
    upright.parent.mkdir(parents=True)
    cv2.imwrite(str(upright), cv2.imread(str(turned))[::-1, ::-1])
    other = Store.open(aligned(upright.parents[1], tmp_path / "upright", 1))
    faces = []
    for where in (Store.open(made), other):
        row = next(row for row in where.manifest.to_pylist() if row["sample_id"] == "Aaron_Peirsol/2")
        faces.append(where.read(row["split"], "image", row["row"], row["row"] + 1)[0].astype(int))
    assert np.abs(faces[0] - faces[1]).mean() < 6


def test_any_number_of_workers_makes_the_same_bytes(folder: Path, made: Path, tmp_path: Path) -> None:
    assert digest(aligned(folder, tmp_path, 2)) == digest(made)

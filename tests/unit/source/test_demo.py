"""The demo faces: repeatable, in the official layout, and right about where everything is."""

import hashlib
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from faceshards.regions import CoarseRegion
from faceshards.source.demo import DemoFace, DemoRecipe, render_face, write_demo_zip
from faceshards.source.open import open_source

TINY = DemoRecipe(identities=2, views=2, size=96)
SHOWN = [(0, 0), (1, 1), (4, 2), (5, 2), (10, 1), (13, 3), (23, 2)]
CORE = {
    CoarseRegion.BACKGROUND,
    CoarseRegion.SKIN,
    CoarseRegion.NOSE,
    CoarseRegion.RIGHT_EYE,
    CoarseRegion.LEFT_EYE,
    CoarseRegion.RIGHT_BROW,
    CoarseRegion.LEFT_BROW,
    CoarseRegion.TOP_LIP,
    CoarseRegion.BOTTOM_LIP,
    CoarseRegion.NECK,
    CoarseRegion.CLOTHING,
}


@pytest.fixture(scope="module")
def faces() -> list[DemoFace]:
    return [render_face(0, identity, view) for identity, view in SHOWN]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.zip"
    write_demo_zip(path, TINY)
    return path


def near(face: DemoFace, point: int, reach: int = 2) -> set[int]:
    """The classes within `reach` pixels of a landmark."""
    x, y = face.landmarks[point].round().astype(int)
    return set(np.unique(face.labels[y - reach : y + reach + 1, x - reach : x + reach + 1]).tolist())


def test_a_face_is_an_image_labels_and_seventy_points() -> None:
    image, labels, landmarks = render_face(3, 1, 0, size=200)
    assert (image.shape, image.dtype) == ((200, 200, 3), np.uint8)
    assert (labels.shape, labels.dtype) == ((200, 200), np.uint8)
    assert (landmarks.shape, landmarks.dtype) == ((70, 2), np.float32)
    assert np.isfinite(landmarks).all()


def test_the_same_arguments_give_the_same_face_whatever_was_rendered_before(faces: list[DemoFace]) -> None:
    again = render_face(0, *SHOWN[0])
    for first, second in zip(faces[0], again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_seed_identity_and_view_each_change_the_picture() -> None:
    pictures = [render_face(*arguments, size=96).image for arguments in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_views_of_a_person_share_what_makes_the_person() -> None:
    def skin_colour(identity: int, view: int) -> np.ndarray:
        face = render_face(0, identity, view, size=160)
        colour = np.median(face.image[face.labels == CoarseRegion.SKIN].astype(float), axis=0)
        return colour / colour.sum()  # the light changes from view to view, the hue little

    people = np.array([[skin_colour(identity, view) for view in range(3)] for identity in range(12)])
    within = people.std(axis=1).mean()
    between = people.mean(axis=1).std(axis=0).mean()
    assert within < 0.7 * between


def test_labels_are_coarse_classes_and_the_core_ones_are_always_there(faces: list[DemoFace]) -> None:
    for face in faces:
        present = set(np.unique(face.labels).tolist())
        assert present <= set(CoarseRegion)
        assert present >= CORE


def test_over_many_faces_every_class_but_facewear_occurs() -> None:
    seen: set[int] = set()
    for identity in range(24):
        seen |= set(np.unique(render_face(0, identity, 0, size=128).labels).tolist())
    assert seen == set(CoarseRegion) - {CoarseRegion.FACEWEAR}


def test_points_of_the_face_lie_on_the_parts_they_name(faces: list[DemoFace]) -> None:
    lips = {CoarseRegion.TOP_LIP, CoarseRegion.BOTTOM_LIP}
    for face in faces:
        for point, parts in (
            (30, {CoarseRegion.NOSE}),
            (33, {CoarseRegion.NOSE}),
            (51, {CoarseRegion.TOP_LIP}),
            (57, {CoarseRegion.BOTTOM_LIP}),
            (48, lips),
            (54, lips),
            (68, {CoarseRegion.LEFT_EYE}),
            (69, {CoarseRegion.RIGHT_EYE}),
            (19, {CoarseRegion.LEFT_BROW}),
            (24, {CoarseRegion.RIGHT_BROW}),
        ):
            assert near(face, point) & (parts | {CoarseRegion.GLASSES}), f"point {point} is near {near(face, point)}"


def test_the_point_of_the_chin_lies_where_a_bare_face_ends(faces: list[DemoFace]) -> None:
    bare = [face for face in faces if CoarseRegion.BEARD not in face.labels]
    assert len(bare) >= 3
    for face in bare:
        around = near(face, 8, reach=8)  # a ninth of the distance of the pupils
        assert CoarseRegion.SKIN in around
        assert around - {CoarseRegion.SKIN}


def test_landmarks_are_named_from_the_persons_side_and_classes_from_the_viewers(faces: list[DemoFace]) -> None:
    for face in faces:
        x = face.landmarks[:, 0]
        assert x[68] < x[69]
        assert x[36] < x[45]
        columns = np.arange(face.labels.shape[1])
        right, left = ((face.labels == eye).sum(0) for eye in (CoarseRegion.RIGHT_EYE, CoarseRegion.LEFT_EYE))
        assert (columns * right).sum() / right.sum() > (columns * left).sum() / left.sum()


def test_the_real_frames_have_the_same_sides(frames_zip: Path) -> None:
    source = open_source(frames_zip)
    at_the_right_pupil = set()
    for index in range(len(source)):
        truth, landmarks = source.truth(index), source.landmarks(index)
        assert truth is not None
        assert landmarks is not None
        x, y = landmarks[68].round().astype(int).clip(0, 511)
        at_the_right_pupil.add(int(truth.labels[y, x]))
    assert CoarseRegion.LEFT_EYE in at_the_right_pupil
    assert CoarseRegion.RIGHT_EYE not in at_the_right_pupil


def test_a_zip_has_the_official_members_and_the_table_of_persons(archive: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        assert members.testzip() is None
        frames = [f"{i:06d}{suffix}" for i in range(4) for suffix in (".png", "_seg.png", "_ldmks.txt")]
        assert members.namelist() == [*frames, "identities.csv"]
        table = members.read("identities.csv").decode().splitlines()
    assert table == [
        "sample_id,identity",
        "000000,person_00",
        "000001,person_00",
        "000002,person_01",
        "000003,person_01",
    ]


def test_the_members_hold_the_rendered_face(archive: Path) -> None:
    face = render_face(0, 1, 0, size=96)
    with zipfile.ZipFile(archive) as members:
        image = cv2.imdecode(np.frombuffer(members.read("000002.png"), np.uint8), cv2.IMREAD_UNCHANGED)
        labels = cv2.imdecode(np.frombuffer(members.read("000002_seg.png"), np.uint8), cv2.IMREAD_UNCHANGED)
        text = members.read("000002_ldmks.txt").decode()
    np.testing.assert_array_equal(image[..., ::-1], face.image)
    np.testing.assert_array_equal(labels, face.labels)
    np.testing.assert_allclose(np.loadtxt(io.StringIO(text)), face.landmarks, atol=5.1e-4)
    assert text.splitlines()[0].count(" ") == 1


def test_two_runs_write_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    write_demo_zip(tmp_path / "again.zip", TINY)
    assert (
        hashlib.sha256((tmp_path / "again.zip").read_bytes()).digest() == hashlib.sha256(archive.read_bytes()).digest()
    )


def test_a_failure_on_the_way_leaves_neither_the_zip_nor_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo.zip").write_bytes(b"the one before")
    monkeypatch.setattr("faceshards.store.durable.os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_demo_zip(tmp_path / "demo.zip", DemoRecipe(identities=1, views=1, size=64))
    assert [path.name for path in tmp_path.iterdir()] == ["demo.zip"]
    assert (tmp_path / "demo.zip").read_bytes() == b"the one before"


@pytest.mark.parametrize("wrong", [{"identities": 0}, {"views": 0}, {"size": 10}, {"seed": -1}, {"faces": 3}])
def test_a_recipe_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        DemoRecipe(**wrong)  # type: ignore[arg-type]  # that is the point

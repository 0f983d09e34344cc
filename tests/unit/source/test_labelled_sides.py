"""Right and left of labelled photographs are told by their place, and put right where their names are exchanged."""

from pathlib import Path

import numpy as np
import pytest
from frame_files import frames, write_folder
from image_files import encode
from odd_pictures import orientation as exif_orientation
from odd_pictures import saved
from photo_sets import CELEBAMASK, expected, face, ids, labels_of, lapa, pairs
from PIL import Image

from faceshards.errors import BadSampleError
from faceshards.regions import CoarseRegion
from faceshards.source import open_source
from faceshards.source.sides import across_of, sides_put_right


def test_the_850_photographs_have_their_eyes_on_the_side_where_the_readme_says(shared: Path) -> None:
    source = open_source(shared / "celebamask/pairs_850.zip")
    assert (source.name, len(source)) == ("celebamask", 850)
    sides: dict[CoarseRegion, list[float]] = {CoarseRegion.RIGHT_EYE: [], CoarseRegion.LEFT_EYE: []}
    for i in range(0, 850, 10):
        labels = labels_of(source, i)
        for side, places in sides.items():
            if (labels == side).any():
                places.append(float(np.nonzero(labels == side)[1].mean()))
    assert min(sides[CoarseRegion.RIGHT_EYE]) > 256 > max(sides[CoarseRegion.LEFT_EYE])
    assert np.mean(sides[CoarseRegion.RIGHT_EYE]) == pytest.approx(314, abs=5)
    assert np.mean(sides[CoarseRegion.LEFT_EYE]) == pytest.approx(198, abs=5)


def mirrored(number: int, table: list[int]) -> np.ndarray:
    """The labels of a mirrored face whose classes kept their names."""
    return ids(number, table)[:, ::-1].copy()


def test_labels_whose_right_and_left_are_exchanged_are_put_right_and_told(tmp_path: Path) -> None:
    files = pairs(5) | {"masks/a1.png": encode(mirrored(1, CELEBAMASK))}
    source = open_source(write_folder(tmp_path, files))
    for i in range(5):
        truth = source.truth(i)
        assert truth is not None
        assert (truth.remark or "").partition(":")[0] == ("sides_exchanged" if i == 1 else "")
    right = face(1).labels.copy()[:, ::-1]
    for one, other in ((3, 4), (5, 6), (7, 8)):
        ours = labels_of(source, 1)
        np.testing.assert_array_equal(ours == one, right == other)
        np.testing.assert_array_equal(ours == other, right == one)


SIDES = {
    "as they are": ({}, False),
    "one eye hidden": ({3: 1}, False),
    "one of each pair hidden": ({3: 1, 5: 1, 7: 1}, False),
    "a lone ear of the wrong name": ({7: 0, 8: 7}, True),
    "a lone brow of the wrong name": ({6: 1, 5: 6}, True),
    "all exchanged and one eye hidden": ({3: 4, 4: 1, 5: 6, 6: 5, 7: 8, 8: 7}, True),
}


@pytest.mark.parametrize(("changes", "exchanged"), SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_sides_are_told_by_place_also_of_parts_that_are_there_once(
    changes: dict[int, int], exchanged: bool, turn: int
) -> None:
    truth = np.rot90(face(2).labels, turn).copy()
    across = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turn) @ np.array([1.0, 0.0])
    assert {3, 4, 5, 6, 7, 8} <= set(np.unique(truth))
    given = truth.copy()
    for old, new in changes.items():
        given[truth == old] = new
    labels, found = sides_put_right(given, across)
    assert found is exchanged
    for part in range(3, 9):
        assert (truth[labels == part] == part).all()


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("hidden", [(), (3, 4), (3, 5, 7), (3, 4, 5, 6)])
def test_which_way_up_a_face_is_does_not_depend_on_how_its_sides_are_called(turn, exchanged, hidden) -> None:
    labels = np.rot90(face(2).labels, turn).copy()
    labels[np.isin(labels, hidden)] = CoarseRegion.SKIN
    if hidden == (3, 4, 5, 6):  # behind glasses
        labels[np.rot90(np.isin(face(2).labels, hidden), turn)] = CoarseRegion.GLASSES
    if exchanged:
        table = np.arange(256, dtype=np.uint8)
        table[3:9] = 4, 3, 6, 5, 8, 7
        labels = table[labels]
    across = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turn) @ np.array([1.0, 0.0])
    np.testing.assert_array_equal(across_of(labels), across)


def test_labels_without_a_face_are_taken_as_upright() -> None:
    np.testing.assert_array_equal(across_of(np.zeros((9, 9), np.uint8)), [1.0, 0.0])


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_photograph_that_is_turned_with_its_mask_keeps_right_and_left(tmp_path: Path, turn: int) -> None:
    files = pairs(4)
    files["images/a3.jpg"] = encode(np.ascontiguousarray(np.rot90(face(3).image, turn)), ".jpg")
    files["masks/a3.png"] = encode(np.ascontiguousarray(np.rot90(ids(3, CELEBAMASK), turn)))
    source = open_source(write_folder(tmp_path / "x", files))
    truth = source.truth(3)
    assert truth is not None
    assert truth.remark is None
    np.testing.assert_array_equal(np.rot90(truth.labels, -turn), expected(3))


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_labels_of_a_photograph_that_its_exif_turns_are_no_truth(tmp_path: Path, orientation: int) -> None:
    turned = saved(Image.fromarray(face(0).image), "JPEG", exif=exif_orientation(orientation))
    source = open_source(write_folder(tmp_path / "x", {**lapa(), "train/images/0_0.jpg": turned}))
    with pytest.raises(BadSampleError, match=r"truth_of_turned_image: .* its EXIF orientation turns it"):
        source.truth(0)
    assert source.image_bytes(0)
    with pytest.raises(BadSampleError, match=r"landmarks_of_turned_image: .* its EXIF orientation turns it"):
        source.landmarks(0)


def test_labels_and_points_beside_a_frame_that_its_exif_turns_are_refused(tmp_path: Path) -> None:
    turned = saved(Image.fromarray(face(0).image), "PNG", exif=exif_orientation(6))
    folder = write_folder(tmp_path / "x", frames() | {"000001.png": turned})
    labels = write_folder(tmp_path / "y", {"labels_25/000001_seg.png": encode(np.zeros((32, 32), np.uint8))})
    source = open_source(folder, labels=labels)
    assert source.landmarks(0) is not None
    for part, read in (("truth", open_source(folder).truth), ("truth", source.truth), ("landmarks", source.landmarks)):
        with pytest.raises(BadSampleError, match=rf"{part}_of_turned_image: x/000001\.png: its EXIF orientation"):
            read(1)

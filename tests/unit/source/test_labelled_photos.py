"""CelebAMask-HQ and LaPa, in folders and zips: what the masks mean, and what is refused."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from frame_files import write_folder
from image_files import encode, noise
from photo_sets import CELEBAMASK, LAPA, expected, face, ids, jpeg, labels_of, lapa, pairs, points, published, zipped

from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.regions import IGNORE, CoarseRegion
from faceshards.source import decode_image, open_source
from faceshards.source.celebamask import CelebAMask
from faceshards.source.decode import decode_labels

SETS = {"pairs": (pairs, "celebamask"), "published": (published, "celebamask"), "lapa": (lapa, "lapa")}


@pytest.fixture(params=["folder", "folder in a folder", "zip", "zip of a folder"])
def laid_out(request: pytest.FixtureRequest, tmp_path: Path):
    def lay(files: dict[str, bytes]) -> Path:
        if request.param.startswith("zip"):
            return zipped(tmp_path / "x.zip", files, "CelebAMask-HQ/" if request.param == "zip of a folder" else "")
        inner = "a/b/" if request.param == "folder in a folder" else ""
        write_folder(tmp_path / "set", {f"{inner}{name}": data for name, data in files.items()})
        return tmp_path / "set"

    return lay


@pytest.mark.parametrize("name", SETS)
def test_each_layout_is_recognised_whole_and_every_photograph_is_a_face(name: str, laid_out) -> None:
    files, format = SETS[name]
    source = open_source(laid_out(files()))
    assert source.name == format
    images = [file for file in files() if "images/" in file or "-img/" in file]
    assert len(source) == len(images)
    assert sorted(source.image_bytes(i) for i in range(len(source))) == sorted(files()[file] for file in images)
    assert {source.face(i).identity for i in range(len(source))} == {None}
    assert len({source.digest(i) for i in range(len(source))}) == len(source)


def test_masks_of_pairs_are_read_by_value_or_by_palette_index_with_their_sides(laid_out) -> None:
    source = open_source(laid_out(pairs()))
    for i in range(3):
        assert source.face(i).sample_id == f"a{i}"
        np.testing.assert_array_equal(labels_of(source, i), expected(i))
        assert source.landmarks(i) is None


def test_published_masks_are_laid_over_each_other_and_enlarged_to_the_photograph(laid_out) -> None:
    source = open_source(laid_out(published()))
    for i in range(2):
        labels = labels_of(source, i)
        assert source.face(i).sample_id == f"{i}"
        assert labels.shape == decode_image(source.image_bytes(i), "x").shape[:2]
        assert (labels == expected(i)).mean() > 0.97
        assert set(np.unique(labels)) == set(np.unique(expected(i)))


def test_an_earring_is_ignored_and_a_necklace_is_neck(tmp_path: Path) -> None:
    files = pairs(1)
    values = ids(0, CELEBAMASK)
    values[:4], values[4:8] = 15, 16
    source = CelebAMask(write_folder(tmp_path, files | {"masks/a0.png": encode(values)}))
    assert (labels_of(source, 0)[:4] == IGNORE).all()
    assert (labels_of(source, 0)[4:8] == CoarseRegion.NECK).all()


def test_lapa_has_five_points_of_its_106_and_ignores_its_background(laid_out) -> None:
    source = open_source(laid_out(lapa()))
    for i in range(3):
        name = source.face(i).sample_id
        assert name.endswith(f"{'val' if i == 2 else 'train'}/{i}_0")
        five = source.landmarks(i)
        assert five is not None
        np.testing.assert_allclose(five, face(i).landmarks[[68, 69, 30, 48, 54]], atol=1e-3)
        labels = labels_of(source, i)
        known = np.isin(expected(i), LAPA[1:])
        np.testing.assert_array_equal(labels[known], expected(i)[known])
        assert (labels[~known] == IGNORE).all()


def test_a_split_of_lapa_is_a_source_too(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "LaPa", lapa()) / "train")
    assert [source.face(i).sample_id for i in range(len(source))] == ["0_0", "1_0"]


@pytest.mark.parametrize(
    "text", [b"", b"105\n" + b"1 2\n" * 105, b"106\n" + b"1 2\n" * 105, b"106\n" + b"1 nan\n" * 106, b"x\xff"]
)
def test_damaged_landmarks_are_a_bad_sample_of_that_face(tmp_path: Path, text: bytes) -> None:
    source = open_source(write_folder(tmp_path, lapa() | {"train/landmarks/0_0.txt": text}))
    with pytest.raises(BadSampleError, match="malformed_landmarks"):
        source.landmarks(0)
    assert source.landmarks(1) is not None


def test_damaged_or_foreign_masks_take_the_truth_and_leave_the_face(tmp_path: Path) -> None:
    values = ids(0, CELEBAMASK)
    bad = {
        "a0": encode(np.where(values == 2, 19, values).astype(np.uint8)),
        "a1": encode(noise(256, 256)),
        "a2": pairs()["masks/a2.png"][:-400],
        "a3": encode(values[:200]),
    }
    files = pairs(9) | {f"masks/{name}.png": data for name, data in bad.items()}
    source = open_source(write_folder(tmp_path, files))
    reasons = ["unknown_class_id", "not_a_label_image", "undecodable_image", "truth_of_other_size"]
    for i, reason in enumerate(reasons):
        with pytest.raises(BadSampleError) as caught:
            source.truth(i)
        assert caught.value.reason == reason
        assert source.image_bytes(i) == jpeg(i)
    np.testing.assert_array_equal(labels_of(source, 4), expected(4))


OTHER_NUMBERS = {
    "FaceSynthetics": [*range(14), 15, 16, 17],
    "BiSeNet": [0, 1, 5, 6, 3, 4, 16, 7, 8, 99, 2, 9, 10, 11, 12, 99, 15, 13, 17],
    "sides exchanged": [*CELEBAMASK[:4], 4, 3, 6, 5, 8, 7, *CELEBAMASK[10:]],
}


@pytest.mark.parametrize("table", OTHER_NUMBERS.values(), ids=OTHER_NUMBERS)
def test_masks_that_are_numbered_otherwise_are_refused_by_what_they_show(tmp_path: Path, table: list[int]) -> None:
    folder = write_folder(tmp_path / "x", pairs(3, table))
    with pytest.raises(
        SourceFormatError, match=r"expected masks numbered as CelebAMask-HQ's: .* found them so in 0 of 3"
    ):
        open_source(folder)


def test_masks_of_one_class_alone_are_refused(tmp_path: Path) -> None:
    masks = {f"masks/a{i}.png": encode((ids(i, CELEBAMASK) > 0) * np.uint8(255)) for i in range(3)}
    with pytest.raises(SourceFormatError):
        open_source(write_folder(tmp_path / "x", {f"images/a{i}.jpg": jpeg(i) for i in range(3)} | masks))


@pytest.mark.parametrize("name", SETS)
def test_a_picture_out_of_place_and_labels_without_a_photograph_are_bad_samples(name: str, tmp_path: Path) -> None:
    files = SETS[name][0]()
    gone = next(iter(files))
    extra = {"cover.jpg": jpeg(0), ".hidden.png": jpeg(0), "readme.txt": b""}
    source = open_source(write_folder(tmp_path, {file: data for file, data in files.items() if file != gone} | extra))
    bad = []
    for i in range(len(source)):
        try:
            source.image_bytes(i)
        except BadSampleError as error:
            bad.append((error.reason, source.face(i).source_id.partition("/")[2]))
    assert len(bad) == 2
    assert ("stray_picture", "cover.jpg") in bad
    assert {reason for reason, _ in bad} == {"stray_picture"}


def test_palettes_of_few_bits_give_their_indices() -> None:
    from photo_sets import indexed

    values = noise(9, 13, 1, top=16)
    for bits in (4, 8):
        np.testing.assert_array_equal(decode_labels(indexed(values, bits), "x", palette=True), values)
    with pytest.raises(BadSampleError, match="not_a_label_image"):
        decode_labels(indexed(values), "x")


def test_points_of_another_kind_are_not_taken_for_lapa_s(tmp_path: Path) -> None:
    assert points(0).shape == (106, 2)
    files = {name: data for name, data in lapa().items() if "landmarks" not in name}
    with pytest.raises(SourceFormatError):
        open_source(write_folder(tmp_path / "x", files), "lapa")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("place", ["extra/x.jpg", "images/sub/x.jpg", "a/b/c/x.heic"])
def test_pictures_anywhere_below_a_data_set_are_rows_in_a_folder_as_in_a_zip(tmp_path, name, place) -> None:
    files = {**SETS[name][0](), place: jpeg(0)}
    folder = open_source(write_folder(tmp_path / "x", files), SETS[name][1])
    whole = open_source(zipped(tmp_path / "x.zip", files), SETS[name][1])
    names = [[source.face(i).sample_id for i in range(len(source))] for source in (folder, whole)]
    assert names[0] == names[1]
    assert place in names[0]
    with pytest.raises(BadSampleError, match="stray_picture"):
        folder.image_bytes(names[0].index(place))


def test_links_of_folders_are_followed_and_a_loop_of_them_ends(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere", {name[7:]: data for name, data in pairs().items() if name[:7] == "images/"})
    root = write_folder(tmp_path / "x", {name: data for name, data in pairs().items() if name[:6] == "masks/"})
    (root / "images").symlink_to(tmp_path / "elsewhere")
    (root / "masks" / "again").symlink_to(root)
    source = open_source(root)
    assert [source.face(i).sample_id for i in range(len(source))] == ["a0", "a1", "a2"]
    assert source.truth(0) is not None


@pytest.mark.parametrize(("name", "kinds"), [("pairs", ["masks"]), ("lapa", ["labels", "landmarks"])])
def test_labels_and_points_are_found_in_either_unicode_form(tmp_path: Path, name: str, kinds: list[str]) -> None:
    files = {}
    for path, data in SETS[name][0]().items():
        form = "NFD" if path.split("/")[-2] in kinds else "NFC"
        head, _, tail = path.rpartition("/")
        named = unicodedata.normalize(form, f"Zo\u00eb{tail}")
        files[f"{head}/{named}"] = data
    source = open_source(write_folder(tmp_path / "x", files))
    assert len(source) == 3
    assert all(source.truth(i) is not None for i in range(3))
    assert name == "pairs" or source.landmarks(0) is not None

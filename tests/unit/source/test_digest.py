"""Sixteen bytes say what a face is made from: another part gives other bytes, for that face alone."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from frame_files import frames, landmark_text, landmarks, split, write_folder, write_zip
from image_files import encode, noise
from photo_sets import published
from recordio_files import insightface, write_pair

from faceshards.source.base import Source
from faceshards.source.celebamask import CelebAMask
from faceshards.source.demo import DemoRecipe, write_demo_zip
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.imagefolder import ImageFolder
from faceshards.source.landmarks import FIVE_POINTS, WithLandmarks
from faceshards.source.overlay import FirstFaces
from faceshards.source.publishedlabels import WithPublishedLabels
from faceshards.source.recordio import RecordIO

IMAGE, LABELS, POINTS = encode(noise(32, 32, seed=9)), encode(noise(32, 32, 1, top=19, seed=9)), landmarks(9)
CHANGES = {"000001.png": IMAGE, "000001_seg.png": LABELS, "000001_ldmks.txt": landmark_text(POINTS)}

Layout = Callable[[Path, dict[str, bytes]], Path]


def digests(source: Source) -> list[bytes]:
    return [source.digest(index) for index in range(len(source))]


def changed(before: Sequence[bytes], after: Sequence[bytes]) -> list[int]:
    return [index for index, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]


def as_zip(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    return write_zip(folder / "x.zip", files)


def as_parts(folder: Path, files: dict[str, bytes]) -> Path:
    return split(as_zip(folder, files), 3)


@pytest.mark.parametrize("layout", [as_zip, as_parts, write_folder])
@pytest.mark.parametrize("name", CHANGES)
def test_another_image_landmark_or_label_changes_the_digest_of_its_frame_alone(
    layout: Layout, name: str, tmp_path: Path
) -> None:
    before = digests(FaceSynthetics(layout(tmp_path / "a", frames())))
    assert [len(digest) for digest in before] == [16, 16, 16]
    assert len(set(before)) == 3
    assert digests(FaceSynthetics(layout(tmp_path / "b", frames()))) == before
    after = digests(FaceSynthetics(layout(tmp_path / "c", frames() | {name: CHANGES[name]})))
    assert changed(before, after) == [1]


@pytest.mark.parametrize("layout", [as_zip, write_folder])
@pytest.mark.parametrize("name", ["000001_seg.png", "000001_ldmks.txt"])
def test_labels_or_landmarks_that_go_change_the_digest_too(layout: Layout, name: str, tmp_path: Path) -> None:
    before = digests(FaceSynthetics(layout(tmp_path / "a", frames())))
    without = {file: data for file, data in frames().items() if file != name}
    assert changed(before, digests(FaceSynthetics(layout(tmp_path / "b", without)))) == [1]


@pytest.mark.parametrize("layout", [as_zip, as_parts, write_folder])
def test_the_name_of_a_zip_or_folder_does_not_count(layout: Layout, tmp_path: Path) -> None:
    path = layout(tmp_path / "a", frames())
    before = digests(FaceSynthetics(path))
    (tmp_path / "a").rename(tmp_path / "b")
    moved = tmp_path / "b" if path.name == "a" else tmp_path / "b" / path.name
    if path.suffix == ".zip":
        moved = moved.rename(tmp_path / "b" / "other.zip")
    assert digests(FaceSynthetics(moved)) == before


def test_who_is_on_a_frame_is_no_part_of_it(tmp_path: Path) -> None:
    table = {"identities.csv": b"sample_id,identity\n000000,ann\n"}
    named = FaceSynthetics(as_zip(tmp_path / "a", frames() | table))
    assert named.face(0).identity == "ann"
    assert digests(named) == digests(FaceSynthetics(as_zip(tmp_path / "b", frames())))


def test_faces_of_an_image_folder(tmp_path: Path) -> None:
    files = {"ann/1.png": b"A1", "ann/2.png": b"A2", "bob/1.png": b"B1"}
    before = digests(ImageFolder(write_folder(tmp_path / "a", files)))
    assert changed(before, digests(ImageFolder(write_folder(tmp_path / "b", files | {"ann/2.png": b"A3"})))) == [1]
    renamed = {name.replace("bob", "bill"): data for name, data in files.items()}
    assert digests(ImageFolder(write_folder(tmp_path / "c", renamed))) == before


def test_faces_of_a_record_file(tmp_path: Path) -> None:
    def pair(name: str, images: list[bytes], labels: list[float]) -> RecordIO:
        return RecordIO(write_pair(tmp_path, insightface(images, labels), name))

    before = digests(pair("a", [b"one", b"two", b"three"], [0, 0, 1]))
    assert digests(pair("b", [b"one", b"two", b"three"], [0, 0, 7])) == before
    assert changed(before, digests(pair("c", [b"one", b"longer", b"three"], [0, 0, 1]))) == [1]


def test_rendered_faces(tmp_path: Path) -> None:
    for seed in (0, 0, 1):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.zip"
        write_demo_zip(path, DemoRecipe(seed=seed, identities=2, views=1, size=64))
    first, again, other = (digests(FaceSynthetics(tmp_path / f"{number}.zip")) for number in range(3))
    assert first == again
    assert changed(first, other) == [0, 1]


@pytest.mark.parametrize("layout", [as_zip, write_folder])
def test_published_labels_count_in_place_of_the_source_s_own(layout: Layout, tmp_path: Path) -> None:
    def labelled(name: str, own: dict[str, bytes], published: dict[str, bytes]) -> list[bytes]:
        source = FaceSynthetics(as_zip(tmp_path / f"{name}-frames", own))
        return digests(WithPublishedLabels(source, layout(tmp_path / name, published)))

    labels = {f"labels_25/00000{frame}_seg.png": encode(noise(32, 32, 1, top=25, seed=frame)) for frame in (0, 1)}
    before = labelled("a", frames(), labels)
    plain = digests(FaceSynthetics(tmp_path / "a-frames" / "x.zip"))
    assert changed(plain, before) == [0, 1]
    assert changed(before, labelled("b", frames(), labels | {"labels_25/000001_seg.png": LABELS})) == [1]
    assert changed(before, labelled("c", frames() | {"000001_seg.png": LABELS}, labels)) == []
    assert changed(before, labelled("d", frames() | {"000002_seg.png": LABELS}, labels)) == [2]
    assert changed(before, labelled("e", frames() | {"000001.png": IMAGE}, labels)) == [1]


def test_a_frame_s_own_file_given_as_its_published_label_is_another_truth(tmp_path: Path) -> None:
    source = FaceSynthetics(as_zip(tmp_path / "a", frames()))
    same = as_zip(tmp_path / "b", {"labels_25/000000_seg.png": frames()["000000_seg.png"]})
    assert changed(digests(source), digests(WithPublishedLabels(source, same))) == [0]


def test_points_of_a_table_count_in_place_of_the_source_s_own(tmp_path: Path) -> None:
    def table(name: str, **faces: float) -> list[bytes]:
        rows = "".join(f"{face},{','.join(f'{x + i}' for i in range(10))}\n" for face, x in faces.items())
        (tmp_path / name).write_text(",".join(("sample_id", *FIVE_POINTS)) + "\n" + rows)
        return digests(WithLandmarks(source, tmp_path / name))

    source = FaceSynthetics(as_zip(tmp_path / "a", frames()))
    plain = digests(source)
    before = table("a.csv", **{"000000": 1.5, "000002": 2})
    assert changed(plain, before) == [0, 2]
    assert changed(before, table("b.csv", **{"000000": 1.5, "000002": 3})) == [2]
    assert changed(plain, table("c.csv", **{"000001": 1.5})) == [1]


def test_a_mask_under_the_name_of_another_class_is_another_truth(tmp_path: Path) -> None:
    files = published()
    hair = "CelebAMask-HQ-mask-anno/1/00001_hair.png"
    before = digests(CelebAMask(write_folder(tmp_path / "a", files)))
    files[hair.replace("hair", "hat")] = files.pop(hair)
    assert changed(before, digests(CelebAMask(write_folder(tmp_path / "b", files)))) == [1]


def test_the_first_faces_of_a_source_have_the_digests_that_they_have_in_it(tmp_path: Path) -> None:
    source = FaceSynthetics(as_zip(tmp_path / "a", frames()))
    assert digests(FirstFaces(source, 2)) == digests(source)[:2]


def test_a_face_that_cannot_be_read_has_a_digest_and_another_once_it_can(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "faces", {"ann/1.png": b"A1", "ann/2.png": b"A2"})
    (root / "ann/3.png").symlink_to(root / "gone.png")
    source = ImageFolder(root)
    before = digests(source)
    assert len({*before}) == 3
    shutil.copy(root / "ann/1.png", root / "gone.png")
    assert changed(before, digests(source)) == [2]


def test_a_member_of_a_zip_is_told_by_its_checksum_and_not_read(tmp_path: Path) -> None:
    path = as_zip(tmp_path / "a", frames())
    source = FaceSynthetics(path)
    data = bytearray(path.read_bytes())
    at = data.find(b"000001.png") + 100
    data[at] ^= 1
    before = digests(source)
    path.write_bytes(data)
    assert digests(FaceSynthetics(path)) == before

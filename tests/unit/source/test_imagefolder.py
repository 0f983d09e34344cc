"""A folder of images: who is who, in what order, and which layouts nobody should guess at."""

import gc
import tracemalloc

import pytest
from frame_files import write_folder

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.records import SourceFace
from faceshards.source.imagefolder import ImageFolder, has_images


def ids(source):
    return [source.face(i).sample_id for i in range(len(source))]


def test_a_subfolder_is_a_person(tmp_path):
    root = write_folder(tmp_path / "faces", {"bob/1.jpg": b"B1", "alice/2.png": b"A2", "alice/10.png": b"A10"})
    source = ImageFolder(root)
    assert [source.face(i) for i in range(3)] == [
        SourceFace("alice/10", "faces/alice/10.png", "alice"),
        SourceFace("alice/2", "faces/alice/2.png", "alice"),
        SourceFace("bob/1", "faces/bob/1.jpg", "bob"),
    ]
    assert source.image_bytes(2) == b"B1"
    assert source.truth(0) is None
    assert source.landmarks(0) is None


def test_a_flat_folder_has_no_identities(tmp_path):
    source = ImageFolder(write_folder(tmp_path / "f", {"b.webp": b"", "a.BMP": b""}))
    assert [source.face(i) for i in range(2)] == [SourceFace("a", "f/a.BMP", None), SourceFace("b", "f/b.webp", None)]


def test_images_that_differ_only_in_their_suffix_keep_it(tmp_path):
    source = ImageFolder(write_folder(tmp_path, {"p/1.jpg": b"", "p/1.png": b"", "p/1.x.png": b"", "q/1.png": b""}))
    assert ids(source) == ["p/1.jpg", "p/1.png", "p/1.x", "q/1"]


def test_hidden_files_and_what_is_no_image_are_passed_over(tmp_path):
    names = ["p/1.png", "p/._1.png", "p/Thumbs.db", "p/1.txt", ".git/1.png", "readme.md", "empty/notes.txt"]
    assert ids(ImageFolder(write_folder(tmp_path, dict.fromkeys(names, b"")))) == ["p/1"]


def test_links_to_files_and_folders_are_followed(tmp_path):
    elsewhere = write_folder(tmp_path / "elsewhere", {"1.png": b"one"})
    root = write_folder(tmp_path / "root", {"p/0.png": b"zero"})
    (root / "q").symlink_to(elsewhere)
    (root / "p" / "2.png").symlink_to(elsewhere / "1.png")
    source = ImageFolder(root)
    assert ids(source) == ["p/0", "p/2", "q/1"]
    assert source.image_bytes(1) == b"one"


def test_a_link_that_leads_nowhere_is_a_bad_sample(tmp_path):
    root = write_folder(tmp_path, {"p/0.png": b"zero"})
    (root / "p" / "1.png").symlink_to(root / "gone.png")
    with pytest.raises(BadSampleError, match=r"p/1\.png") as caught:
        ImageFolder(root).image_bytes(1)
    assert caught.value.reason == "unreadable_file"


def test_a_loop_of_links_ends_in_an_error(tmp_path):
    root = write_folder(tmp_path, {"p/0.png": b""})
    (root / "p" / "again").symlink_to(root / "p")
    with pytest.raises(SourceFormatError, match="a level deeper"):
        ImageFolder(root)


def test_images_too_deep_are_refused_for_nobody_knows_who_is_the_person(tmp_path):
    with pytest.raises(SourceFormatError, match=r"found train/alice/1\.png, a level deeper"):
        ImageFolder(write_folder(tmp_path, {"train/alice/1.png": b""}))


def test_images_both_in_the_root_and_in_subfolders_are_refused(tmp_path):
    with pytest.raises(SourceFormatError, match=r"cover\.png and p/1\.png"):
        ImageFolder(write_folder(tmp_path, {"cover.png": b"", "p/1.png": b""}))


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    write_folder(tmp_path, {"p/caf\udce9.png": b""})
    with pytest.raises(SourceFormatError, match="UTF-8"):
        ImageFolder(tmp_path)


def test_names_of_any_script_are_fine(tmp_path):
    assert ids(ImageFolder(write_folder(tmp_path, {"山田 太郎/é.png": b""}))) == ["山田 太郎/é"]


def test_a_folder_without_images_is_refused(tmp_path):
    assert not has_images(tmp_path)
    with pytest.raises(SourceFormatError, match="found none"):
        ImageFolder(tmp_path)
    with pytest.raises(SourceNotFoundError):
        ImageFolder(tmp_path / "nowhere")


def test_the_order_is_that_of_the_whole_paths_by_code_point(tmp_path):
    names = ["a/2.png", "a b/1.png", "a-b/1.png", "a/10.png", "é/1.png", "a0/1.png", "Z/1.png"]
    source = ImageFolder(write_folder(tmp_path, dict.fromkeys(names, b"")))
    assert [source.face(i).source_id.split("/", 1)[1] for i in range(len(source))] == sorted(names)


def test_a_face_beyond_the_last_is_an_index_error(tmp_path):
    source = ImageFolder(write_folder(tmp_path, {"a/1.png": b""}))
    with pytest.raises(IndexError):
        source.face(1)


def test_no_python_object_is_held_for_each_image(tmp_path):
    (tmp_path / "one.png").touch()
    root = tmp_path / "faces"
    for person in range(20):
        (root / f"person_{person:04d}").mkdir(parents=True)
        for number in range(100):
            (root / f"person_{person:04d}" / f"{number:04d}.png").symlink_to(tmp_path / "one.png")
    tracemalloc.start()
    source = ImageFolder(root)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(source) == 2_000
    assert held < 200_000  # a string and a counted stem of each took 340,000

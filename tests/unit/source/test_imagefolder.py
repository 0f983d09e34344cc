"""A folder of images: who is who, in what order, and which layouts nobody should guess at."""

import gc
import os
import tracemalloc
import unicodedata

import pytest
from frame_files import write_folder
from image_files import encode, noise

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.records import SourceFace
from faceshards.source.decode import decode_image
from faceshards.source.foldernames import has_images
from faceshards.source.imagefolder import ImageFolder


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


def reasons(source):
    found = {}
    for i in range(len(source)):
        try:
            source.image_bytes(i)
        except BadSampleError as error:
            found[source.face(i).sample_id] = error.reason
    return found


def test_what_is_no_picture_by_its_name_or_its_first_bytes_is_passed_over(tmp_path):
    names = ["p/1.png", "p/Thumbs.db", "p/.DS_Store", "p/desktop.ini", "p/1.txt", "readme.md", "empty/notes.txt", "p/x"]
    assert ids(ImageFolder(write_folder(tmp_path, dict.fromkeys(names, b"\xd0\xcf\x11\xe0")))) == ["p/1"]


@pytest.mark.parametrize(
    "name",
    ["2.HEIC", "3.tif", "4.gif", "5.jfif", "6.avif", "7.JP2", "8.jxl", "9.CR2", "10.dng", "11.svg", "12.psd", "13.jpe"],
)
def test_a_picture_of_any_format_is_listed_by_its_suffix(tmp_path, name):
    source = ImageFolder(write_folder(tmp_path, {"p/1.png": b"", f"p/{name}": b"x" * 100}))
    assert sorted(ids(source)) == sorted(["p/1", f"p/{name.rpartition('.')[0]}"])


@pytest.mark.parametrize("name", ["IMG_0001", "photo.txt", "photo.jpg_large", "photo.jpg-1", "photo.part.1", "photo."])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff", ".gif", ".jp2", ".avif", ".ppm"])
def test_a_picture_without_a_picture_s_suffix_is_listed_by_its_first_bytes(tmp_path, name, suffix):
    data = encode(noise(64, 64), suffix)
    source = ImageFolder(write_folder(tmp_path, {"p/1.png": b"", f"p/{name}": data}))
    assert sorted(ids(source)) == sorted(["p/1", f"p/{name}"])
    assert source.image_bytes(ids(source).index(f"p/{name}")) == data


def test_hidden_pictures_and_those_in_hidden_folders_are_bad_samples_of_nobody(tmp_path):
    apple = b"\x00\x05\x16\x07" + bytes(40)
    names = ["p/.2.jpg", "p/.thumbs/a/1.jpg", ".git/1.png", "__MACOSX/p/1.png", ".cover.png", "p/@eaDir/1.jpg"]
    files = {"p/1.png": b"", "p/._1.png": apple} | dict.fromkeys(names, b"")
    source = ImageFolder(write_folder(tmp_path, files))
    assert len(source) == len(files)
    assert reasons(source) == {name.rpartition(".")[0]: "hidden_file" for name in [*names, "p/._1.png"]}
    assert {source.face(i).identity for i in range(len(source))} == {"p", None}
    with pytest.raises(BadSampleError, match="what macOS knows of the file"):
        source.image_bytes(ids(source).index("p/._1"))


def test_what_is_named_as_the_labels_of_an_image_is_no_face(tmp_path):
    files = ["p/1.jpg", "p/1_seg.png", "p/1-mask.png", "p/2_seg.png", "q/1.png", "q/1.label.png", "q/x_label.png"]
    source = ImageFolder(write_folder(tmp_path, dict.fromkeys(files, b"")))
    assert len(source) == len(files)
    assert reasons(source) == {"p/1_seg": "label_map", "p/1-mask": "label_map", "q/1.label": "label_map"}


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


def test_images_far_too_deep_are_refused_too(tmp_path):
    with pytest.raises(SourceFormatError, match=r"found a/b/c/d/1\.png, 3 levels deeper; .* such as .*/a/b/c$"):
        ImageFolder(write_folder(tmp_path, {"p/1.png": b"", "a/b/c/d/1.png": b""}))


def test_a_pipe_named_as_a_picture_is_a_bad_sample_and_not_waited_for(tmp_path):
    root = write_folder(tmp_path, {"p/0.png": b"zero"})
    os.mkfifo(root / "p" / "1.png")
    os.mkfifo(root / "p" / "no_suffix")
    assert reasons(ImageFolder(root)) == {"p/1": "unreadable_file"}


def test_bytes_that_are_no_utf8_and_control_characters_are_shown_as_escapes(tmp_path):
    source = ImageFolder(write_folder(tmp_path, {"caf\udce9/1\n.png": b"latin", "caf\udce9/2\u2028.png": b""}))
    face = source.face(0)
    assert face == SourceFace("caf\\xe9/1\\x0a", f"{tmp_path.name}/caf\\xe9/1\\x0a.png", "caf\\xe9")
    assert source.image_bytes(0) == b"latin"
    assert ids(source)[1] == "caf\\xe9/2\\u2028"


def test_names_of_any_script_are_fine_with_any_space(tmp_path):
    names = ["山田 太郎/é", "\u674e\u3000\u660e/1", "a\u00a0b/1", "\u0645\u06cc\u200c\u062e/1", "🙂/1", "x\u202fy/1"]
    assert sorted(ids(ImageFolder(write_folder(tmp_path, {f"{n}.png": b"" for n in names})))) == sorted(names)


def test_names_are_in_the_composed_form_whatever_system_the_folder_comes_from(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Zo\u00eb") for form in ("NFC", "NFD"))
    here = ImageFolder(write_folder(tmp_path / "a", {f"{composed}/{composed}.png": b""}))
    mac = ImageFolder(write_folder(tmp_path / "b", {f"{decomposed}/{decomposed}.png": b"mac"}))
    assert here.face(0).sample_id == mac.face(0).sample_id == f"{composed}/{composed}"
    assert here.face(0).identity == mac.face(0).identity == composed
    assert mac.image_bytes(0) == b"mac"


def test_names_that_differ_only_in_their_unicode_form_stay_apart_and_are_one_person(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Zo\u00eb") for form in ("NFC", "NFD"))
    files = {f"{composed}/1.png": b"1", f"{decomposed}/1.png": b"2", f"bob/{composed}.png": b"3"}
    source = ImageFolder(write_folder(tmp_path, files | {f"bob/{decomposed}.jpg": b"4", f"bob/{decomposed}.png": b"5"}))
    assert len(set(ids(source))) == len(source) == 5
    assert {source.image_bytes(i): source.face(i).identity for i in range(5)} == {
        b"1": composed,
        b"2": composed,
        **dict.fromkeys((b"3", b"4", b"5"), "bob"),
    }


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


RARE = [
    "3fr",
    "avci",
    "bpg",
    "dpx",
    "djvu",
    "eps",
    "erf",
    "flif",
    "iiq",
    "jng",
    "kdc",
    "mef",
    "miaf",
    "mng",
    "mos",
    "mrw",
]


@pytest.mark.parametrize("suffix", RARE)
def test_pictures_of_rare_cameras_and_scanners_have_rows_too(tmp_path, suffix):
    source = ImageFolder(write_folder(tmp_path / "x", {"ann/1.png": b"", f"ann/2.{suffix.upper()}": bytes(9)}))
    assert [source.face(i).sample_id for i in range(len(source))] == ["ann/1", "ann/2"]


FIRST_BYTES = {
    "BPG": b"BPG\xfb",
    "FLIF": b"FLIF1",
    "JNG or MNG": b"\x8aMNG\r\n\x1a\n",
    "Minolta MRW": b"\0MRM",
    "DPX": b"SDPX",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
    "HEIC": b"\0\0\0\x18ftypmiaf",
    "SVG": b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'>",
}


@pytest.mark.parametrize(("format", "first"), FIRST_BYTES.items())
def test_pictures_without_a_suffix_are_told_by_their_first_bytes(tmp_path, format, first):
    source = ImageFolder(write_folder(tmp_path / "x", {"ann/1.png": b"", "ann/2": first + bytes(60)}))
    assert len(source) == 2
    with pytest.raises(BadSampleError, match=f"unknown_image_format: .*{format}"):
        decode_image(source.image_bytes(1), "ann/2")

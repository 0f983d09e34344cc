"""What holds of any folder, any names and any pose of a face."""

import tempfile
import unicodedata
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceshards.ops.align import TEMPLATE, order_fault, similarity
from faceshards.source.imagefolder import ImageFolder
from faceshards.source.names import Matched, composed, shown

letters = st.sampled_from(
    [*"ab.\u00eb\u3000\u00a0 ", "e\u0308", "\u200c", "\uac00", "\u1100\u1161", "\udce9", "\n", "\\"]
)
names = st.lists(letters, min_size=1, max_size=4).map("".join).filter(lambda name: name not in (".", ".."))
suffixes = st.sampled_from([".png", ".jpg", ".JPG", ".heic", ".gif", ""])


@given(st.lists(st.tuples(names, names, suffixes), min_size=1, max_size=12))
def test_every_picture_of_a_folder_has_an_id_of_its_own_that_is_text(files: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for person, name, suffix in files:
            (Path(folder) / f"p{person}").mkdir(exist_ok=True)
            (Path(folder) / f"p{person}" / f"{name}{suffix}").write_bytes(b"\x89PNG\r\n\x1a\n")
        (Path(folder) / "p").mkdir(exist_ok=True)
        (Path(folder) / "p/1.png").touch()
        source = ImageFolder(Path(folder))
        faces = [source.face(i) for i in range(len(source))]
        assert len({face.sample_id for face in faces}) == len(faces)
        assert len(faces) == sum(path.is_file() for path in Path(folder).rglob("*"))
        for face in faces:
            face.sample_id.encode()
            assert not any(unicodedata.category(letter) == "Cc" for letter in face.sample_id)


@given(st.lists(st.text(), unique=True), st.lists(st.text(), unique=True), st.sampled_from(["NFC", "NFD"]))
def test_a_name_is_found_exactly_or_in_its_other_form_and_never_as_another(
    listed: list[str], asked: list[str], form: str
) -> None:
    listed = list(dict.fromkeys(unicodedata.normalize(form, name) for name in listed))
    matched = Matched(listed, [*asked, *listed])
    for name in [*asked, *listed]:
        found = matched.find(name)
        assert found is None or composed(found) == composed(name)
    assert all(matched.find(name) == name for name in listed)


@given(st.binary(max_size=12).filter(lambda name: b"\0" not in name))
def test_any_bytes_of_a_file_s_name_are_shown_as_text(name: bytes) -> None:
    text = shown(name.decode("utf-8", "surrogateescape"))
    text.encode()
    assert not any(unicodedata.category(letter) == "Cc" for letter in text)


@given(
    st.floats(-np.pi, np.pi), st.floats(0.05, 40), st.floats(-900, 900), st.floats(-900, 900), st.integers(0, 2**32 - 1)
)
def test_the_order_of_points_is_told_alike_wherever_a_face_lies(
    turn: float, scale: float, x: float, y: float, seed: int
) -> None:
    rotation = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    face = TEMPLATE + np.random.default_rng(seed).normal(0, 3, (5, 2))
    points = face @ rotation + [x, y]
    assert order_fault(points) is None
    similarity(points)
    assert order_fault(points[[1, 0, 2, 3, 4]]) == "the eyes"
    assert order_fault(points[[0, 1, 2, 4, 3]]) == "the mouth corners"
    assert order_fault(points[[1, 0, 2, 4, 3]]) == "right and left"

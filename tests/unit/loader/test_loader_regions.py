"""Region maps by sample id, for faces whose images lie elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import build_faces, face_arrays, sample_id

import faceshards
from faceshards.errors import ParamsError, UnknownSampleError
from faceshards.loader import lookup
from faceshards.loader.lookup import IdIndex

FACES = 21


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out", dropped={"val-0002"}), view="variants")


def test_maps_come_in_the_order_of_their_ids(faces: faceshards.Dataset) -> None:
    rows = [20, 0, 7, 7, 3]
    maps = faces.regions([sample_id("train", row) for row in rows])
    assert maps.dtype == np.uint8
    np.testing.assert_array_equal(maps, face_arrays("train", 0, FACES)["region"][rows])
    assert faces.regions([]).shape == (0, 8, 8)
    np.testing.assert_array_equal(faces.regions(np.array([sample_id("train", 2)]))[0], faces[2]["region"])


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("val-0001", "'val-0001' is in split 'val' .* not in 'train'"),
        ("val-0002", "'val-0002' .* dropped out: .*no_face"),
        ("anna", "has no face 'anna'"),
    ],
)
def test_an_id_that_is_not_there_is_an_error_that_says_where_it_went(
    faces: faceshards.Dataset, name: str, where: str
) -> None:
    with pytest.raises(UnknownSampleError, match=where) as caught:
        faces.regions([sample_id("train", 0), name])
    assert isinstance(caught.value, KeyError)


def test_a_single_id_is_no_list_of_ids(faces: faceshards.Dataset) -> None:
    with pytest.raises(ParamsError, match="sample_ids: expected a list"):
        faces.regions(sample_id("train", 0))


def test_a_store_without_maps_says_so(tmp_path: Path) -> None:
    from stores import ARRAYS, face_spec

    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec(arrays=ARRAYS[:1]))
    with pytest.raises(ParamsError, match="no field region"):
        faceshards.open(path).regions([sample_id("train", 0)])


names = st.lists(st.text(max_size=4), unique=True, max_size=20)


@given(names, names)
def test_an_index_finds_what_is_there_and_nothing_else(there: list[str], others: list[str]) -> None:
    index = IdIndex(np.array(there, dtype=np.dtypes.StringDType()))
    wanted = others + there
    assert index.find(wanted).tolist() == [there.index(name) if name in there else -1 for name in wanted]


def test_ids_of_one_key_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "sample_keys", lambda ids: np.zeros(len(ids), np.uint64))
    index = IdIndex(np.array(["a", "b", "c"], dtype=np.dtypes.StringDType()))
    assert index.find(["c", "a", "d", "b"]).tolist() == [2, 0, -1, 1]

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stores import build_faces, face_arrays, face_spec

from faceshards.errors import CorruptShardError, MissingShardError
from faceshards.store.gather import gather
from faceshards.store.pixelchunks import PixelReader
from faceshards.store.reader import Store

ROWS = [[20, 0, 7, 8, 3], [5, 5, 5], [], list(range(21)), list(range(20, -1, -1))]


@pytest.fixture(scope="module", params=["compact", "portable", "fast"])
def faces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gather")
    return build_faces(root / "work", root / "out", face_spec(profile=request.param))


def at(rows: list[int]) -> NDArray[np.int64]:
    return np.array(rows, np.int64)


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("array", ["image", "region", "variant", "erased", "identity"])
def test_rows_come_in_the_order_asked_for(faces: Path, array: str, rows: list[int]) -> None:
    found = gather(Store.open(faces), "train", array, at(rows))
    expected = face_arrays("train", 0, 21)[array][at(rows)]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_chunk_is_decoded_once_whatever_the_order(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    read = PixelReader.read
    monkeypatch.setattr(PixelReader, "read", lambda self, number: decoded.append(number) or read(self, number))
    gather(Store.open(faces), "train", "image", at([20, 0, 9, 1, 8, 3]))
    assert sorted(decoded) == [0, 2, 5]


@pytest.mark.parametrize("row", [-1, 21, 1000])
def test_a_row_that_the_split_does_not_have_is_refused(faces: Path, row: int) -> None:
    with pytest.raises(IndexError):
        gather(Store.open(faces), "train", "image", at([3, row]))


def test_a_damaged_or_missing_file_is_an_error_and_never_data(tmp_path: Path) -> None:
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "out"))
    file = next((store.path / "train.zarr/image").glob("c.1.*"))
    whole = file.read_bytes()
    file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(CorruptShardError, match=file.name):
        gather(store, "train", "image", at([0, 8]))
    file.unlink()
    with pytest.raises(MissingShardError, match=file.name):
        gather(store, "train", "image", at([0, 8]))

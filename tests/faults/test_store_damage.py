"""Whatever happens to a file of a store, `verify` names it and no reader ever gets other values than were written."""

from pathlib import Path

import numpy as np
import pytest
from damage import DAMAGES, exchange, flipped, named_by_verify, noticed, other_length, values
from outcomes import Outcome
from stores import ARRAYS, build_faces, face_spec, tree

from faceshards.errors import CorruptShardError, MissingShardError
from faceshards.store.reader import Store
from faceshards.store.verify import verify

FLIPS_A_FILE = 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    return build_faces(root / "work", root / "out", face_spec({"train": 6}, 4, 2, ARRAYS[:1] + ARRAYS[3:]))


def assert_noticed(path: Path, file: str, expected: dict[str, bytes]) -> None:
    outcome, what = noticed(path, file, expected)
    assert outcome != Outcome.FAILED, what


def test_flipped_bits_are_noticed_in_every_file(store: Path) -> None:
    expected = values(store)
    rng = np.random.default_rng(0)
    for file in tree(store):
        data = (store / file).read_bytes()
        for bit in rng.choice(8 * len(data), FLIPS_A_FILE, replace=False).tolist():
            (store / file).write_bytes(flipped(data, bit))
            assert_noticed(store, file, expected)
        (store / file).write_bytes(data)
    assert named_by_verify(store) == set()


def test_flipped_bits_of_a_shard_are_refused_by_read_itself(store: Path) -> None:
    path = store / "train.zarr/image/c.0.0.0.0"
    data = path.read_bytes()
    refused = r"c\.0\.0\.0\.0: (rows \d\.\.\d of split 'train' do|its index does) not decode"
    for bit in np.random.default_rng(1).choice(8 * len(data), 100, replace=False).tolist():
        path.write_bytes(flipped(data, bit))
        reader = Store.open(store)  # one that has read the index already no longer looks at it
        with pytest.raises(CorruptShardError, match=refused):
            reader.read("train", "image", 0, 4)


def test_damage_in_one_shard_leaves_the_others_readable(store: Path) -> None:
    (store / "train.zarr/image/c.0.0.0.0").write_bytes(b"")
    reader = Store.open(store)
    assert len(reader.read("train", "image", 4, 6)) == 2
    with pytest.raises(
        CorruptShardError,
        match=r"c\.0\.0\.0\.0: expected [\d,]+ bytes, found 0. .*`faceshards repair` mends it from another copy",
    ):
        reader.read("train", "image", 3, 6)


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_that_are_missing_or_of_another_length_are_noticed(store: Path, damage: str) -> None:
    expected = values(store)
    for file in tree(store):
        path = store / file
        data = path.read_bytes()
        other_length(path, damage)
        assert_noticed(store, file, expected)
        path.write_bytes(data)
    assert named_by_verify(store) == set()


def test_a_missing_shard_never_reads_as_fill_values(store: Path) -> None:
    reader = Store.open(store)
    reader.read("train", "image")
    (store / "train.zarr/image/c.1.0.0.0").unlink()
    with pytest.raises(MissingShardError, match=r"c\.1\.0\.0\.0 belongs to the store and is not on the disk"):
        reader.read("train", "image", 5, 6)


def test_shards_that_changed_places_are_noticed(store: Path) -> None:
    expected = values(store)
    pairs = [
        ("train.zarr/image/c.0.0.0.0", "train.zarr/image/c.1.0.0.0"),
        ("train.zarr/erased/c.0.0", "train.zarr/identity/c.0"),
        ("train.zarr/image/zarr.json", "train.zarr/erased/zarr.json"),
        ("manifest.parquet", "files.parquet"),
    ]
    for one, other in pairs:
        exchange(store / one, store / other)
        assert_noticed(store, one, expected)
        assert_noticed(store, other, expected)
        exchange(store / one, store / other)


def test_a_file_of_another_build_of_the_same_size_is_noticed_by_its_hash(store: Path) -> None:
    path = store / "train.zarr/identity/c.0"
    # Valid for every codec, and other than what was written: the whole-file hash is all that can tell.
    other = store / "train.zarr/identity/c.1"
    path.write_bytes(other.read_bytes())
    assert ("train.zarr/identity/c.0", "changed") in {(p.path, p.kind) for p in verify(store).problems}

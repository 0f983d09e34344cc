"""Sound bytes in another place than their own: no reader takes one face for another, in any profile."""

import random
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from damage import exchange
from outcomes import Outcome
from swaps import build, tried_swap, values

import faceshards
from faceshards.errors import CorruptShardError, FaceShardsError
from faceshards.store.cache import Cache
from faceshards.store.reader import Store
from faceshards.store.schema import Profile
from faceshards.store.verify import verify

SWAPS = 12  # a profile; `make faults` tries more
VICTIM = "train.zarr/image/c.0.0.0.0"


@pytest.fixture(scope="module", params=get_args(Profile))
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store, and another version of it with other faces under the same names."""
    root = tmp_path_factory.mktemp("two")
    return build(root / "one", request.param, 1), build(root / "other", request.param, 2)


@pytest.fixture
def store(two: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(two[0], tmp_path / "store"))


def test_whatever_changed_places_is_refused_or_makes_no_difference(
    two: tuple[Path, Path], store: Path, tmp_path: Path
) -> None:
    expected, rng = values(two[0]), random.Random(0)
    tried = [tried_swap(store, two[1], tmp_path / "copy", expected, rng) for _ in range(SWAPS)]
    assert [what for outcome, what in tried if outcome == Outcome.FAILED] == []
    refused = sum(outcome == Outcome.NAMED for outcome, _ in tried)
    # Identities of two shards, and of two versions, are the same by chance of how the store is made.
    assert refused > 0.7 * SWAPS


def test_who_reads_says_what_lies_there_and_verify_names_both_files(store: Path) -> None:
    exchange(store / VICTIM, store / "train.zarr/image/c.1.0.0.0")
    assert {p.path for p in verify(store).problems} == {VICTIM, "train.zarr/image/c.1.0.0.0"}
    with pytest.raises(
        CorruptShardError, match=r"c\.0\.0\.0\.0: (expected \d+ bytes|rows .*not what files.parquet lists)"
    ):
        faceshards.open(store)[0]


def test_a_manifest_of_another_version_is_refused_even_shard_by_shard(two: tuple[Path, Path], store: Path) -> None:
    ours, theirs = (path / "manifest.parquet" for path in (store, two[1]))
    size = ours.stat().st_size
    ours.write_bytes(theirs.read_bytes()[:size].ljust(size, b"\0"))
    with pytest.raises(FaceShardsError, match=r"manifest\.parquet"):
        Store.open(store).rows("train", 0)


def test_a_sound_file_of_another_version_in_the_cache_is_fetched_anew(two: tuple[Path, Path], tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    expected = faceshards.open(two[0])[:]["image"]
    faceshards.open(f"file://{two[0]}", cache=cache)[:]
    (kept,) = cache.folder.glob(f"*/{VICTIM}")
    size = kept.stat().st_size
    for poison in (two[1] / VICTIM, two[0] / "train.zarr/image/c.1.0.0.0"):
        kept.write_bytes(poison.read_bytes()[:size].ljust(size, b"\0"))
        np.testing.assert_array_equal(faceshards.open(f"file://{two[0]}", cache=cache)[:]["image"], expected)
        assert kept.read_bytes() == (two[0] / VICTIM).read_bytes()

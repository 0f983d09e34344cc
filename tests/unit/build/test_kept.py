"""Finished shards that are kept, and taken over by a later build."""

import os
from pathlib import Path

import pytest
from stores import build_faces, face_spec, tree, write_face_shard

from faceshards.build.kept import keep, prune, take
from faceshards.store.finish import finish
from faceshards.store.writer import create, is_committed

SPEC = face_spec()
README = {"README.md": "# tiny\n"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a build without anything kept comes to."""
    folder = tmp_path_factory.mktemp("made")
    return tree(build_faces(folder / "work", folder / "out", SPEC))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """All shards of a store that was made and is gone again, by split and number."""
    work = tmp_path / "work"
    create(work, SPEC)
    for place in SPEC.shards:
        write_face_shard(work, SPEC, *place)
        keep(folder_of(tmp_path / "kept", *place), work, SPEC, *place)
    return tmp_path / "kept"


def folder_of(kept: Path, split: str, shard: int) -> Path:
    return kept / f"{split}{shard}"


def test_a_store_of_kept_shards_has_the_bytes_of_one_that_was_made(
    kept: Path, made: dict[str, str], tmp_path: Path
) -> None:
    again = tmp_path / "again"
    create(again, SPEC)
    assert all(take(folder_of(kept, *place), again, SPEC, *place) for place in SPEC.shards)
    finish(again, SPEC, {"seed": 0}, lambda _: README)
    assert tree(again) == made


def test_what_a_store_holds_as_well_takes_no_further_space(kept: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "work").rglob("c.*"):
        assert path.stat().st_nlink == 2


def test_a_shard_that_nobody_kept_is_not_taken(tmp_path: Path) -> None:
    create(tmp_path / "work", SPEC)
    assert not take(tmp_path / "kept" / "train0", tmp_path / "work", SPEC, "train", 0)


FILES = ["image", "region", "variant", "erased", "identity", "usable", "rows"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_shard_is_thrown_away_and_made_anew(
    kept: Path, made: dict[str, str], tmp_path: Path, name: str, damage: str
) -> None:
    folder = folder_of(kept, "train", 1)
    (path,) = folder.glob(f"{name}*")
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage != "gone":
        data[len(data) // 2] ^= 1
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    again = tmp_path / "again"
    create(again, SPEC)
    assert not take(folder, again, SPEC, "train", 1)
    assert not folder.exists()
    assert not is_committed(again, "train", 1)
    write_face_shard(again, SPEC, "train", 1)
    for place in SPEC.shards:
        write_face_shard(again, SPEC, *place)
    finish(again, SPEC, {"seed": 0}, lambda _: README)
    assert tree(again) == made


def test_a_file_system_without_hard_links_gets_copies(
    kept: Path, made: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    again = tmp_path / "again"
    create(again, SPEC)
    assert all(take(folder_of(kept, *place), again, SPEC, *place) for place in SPEC.shards)
    finish(again, SPEC, {"seed": 0}, lambda _: README)
    assert tree(again) == made


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_the_longest_unused_go_first_and_what_a_store_holds_costs_nothing(kept: Path, tmp_path: Path) -> None:
    prune(kept, 0)
    assert len(list(kept.iterdir())) == len(SPEC.shards)  # the store is still there
    for path in (tmp_path / "work").rglob("*"):
        if path.is_file():
            path.unlink()
    for age, shard in enumerate([2, 0, 1]):  # 2 was used last
        os.utime(folder_of(kept, "train", shard), (1e9 - age, 1e9 - age))
    os.utime(folder_of(kept, "val", 0), (1, 1))
    prune(kept, size(folder_of(kept, "train", 2)) + size(folder_of(kept, "train", 0)))
    assert sorted(path.name for path in kept.iterdir()) == ["train0", "train2"]
    prune(kept, 0)
    assert list(kept.iterdir()) == []


def test_what_a_kill_left_half_linked_is_swept(kept: Path) -> None:
    (kept / ".train0.0123").mkdir()
    prune(kept, 10**9)
    assert not (kept / ".train0.0123").exists()


def test_a_shard_under_the_key_of_another_version_is_not_taken(kept: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    create(again, SPEC)
    folder_of(kept, "train", 0).rename(kept / "of-another-key")
    assert not take(kept / "of-another-key", again, SPEC, "train", 0)
    assert not (kept / "of-another-key").exists()

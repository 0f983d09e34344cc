"""What `repair` leaves as it is: sound files, files of others, what links lead to, and folders that are no store."""

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from damage import flip
from edited_stores import build_edited, with_manifest
from repairs import OTHER_SHARD, SHARD, left
from stores import tree

from faceshards.errors import RevisionError, StoreFormatError
from faceshards.store.reader import Store
from faceshards.store.verify import verify
from faceshards.versions import repair as repairing
from faceshards.versions.repair import Repair, repair


def test_only_what_is_damaged_is_written(store: Path, sound: Path) -> None:
    flip(store / SHARD)
    before = {file: (store / file).stat() for file in tree(store)}
    repair(store, [str(sound)])
    for file, status in before.items():
        now = (store / file).stat()
        assert (now.st_ino == status.st_ino and now.st_mtime_ns == status.st_mtime_ns) == (file != SHARD)


def test_a_sound_store_is_left_as_it_is(store: Path) -> None:
    before = tree(store)
    assert repair(store) == Repair((), (), (), ())
    assert tree(store) == before


def test_without_the_inventory_and_a_way_to_make_it_again_no_other_file_is_touched(store: Path, sound: Path) -> None:
    flip(store / "files.parquet")
    flip(store / SHARD)
    (store / "unlisted").write_text("")
    damaged = tree(store)
    done = repair(store, remove_unlisted=True)
    assert "files.parquet" in left(done)
    assert tree(store) == damaged
    assert repair(store, [str(sound)], remove_unlisted=True).ok
    assert tree(store) == tree(sound)


def test_a_shard_in_which_the_disk_fails_is_named_by_readers_listed_by_verify_and_replaced(
    store: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, preadv, digest = (store / SHARD).stat().st_ino, os.preadv, hashlib.file_digest

    def failing(handle: int) -> None:
        if os.fstat(handle).st_ino == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", lambda handle, *rest: failing(handle) or preadv(handle, *rest))
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: failing(file.fileno()) or digest(file, name))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
        Store.open(store).read("train", "image")
    assert caught.value.filename == str(store / SHARD)
    assert {(p.path, p.kind) for p in verify(store).problems} == {(SHARD, "changed"), (SHARD, "undecodable")}
    assert repair(store, [str(sound)]).ok
    assert tree(store) == tree(sound)


def test_a_folder_that_is_no_store_is_never_filled_or_emptied(sound: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").write_text("dear")
    for folder in ("home", "absent"):
        with pytest.raises(StoreFormatError, match="is not a faceshards store"):
            repair(tmp_path / folder, [str(sound)], remove_unlisted=True)
    assert tree(tmp_path / "home").keys() == {"letter"}
    assert not (tmp_path / "absent").exists()


def test_a_damaged_file_is_never_written_through_a_link(store: Path, sound: Path, tmp_path: Path) -> None:
    flip(store / SHARD)
    os.link(store / SHARD, tmp_path / "hard")
    other = tmp_path / "other"
    flip(store / OTHER_SHARD)
    (store / OTHER_SHARD).rename(other)
    (store / OTHER_SHARD).symlink_to(other)
    damaged = (tmp_path / "hard").read_bytes(), other.read_bytes()
    assert repair(store, [str(sound)]).ok
    assert ((tmp_path / "hard").read_bytes(), other.read_bytes()) == damaged
    assert not (store / OTHER_SHARD).is_symlink()


def test_unlisted_files_are_named_and_removed_only_when_that_is_asked_for(store: Path, sound: Path) -> None:
    for file in ("notes.txt", "train.zarr/image/c.9.0.0.0"):
        (store / file).write_text("mine")
    (store / ".gitignore").write_text("/x")
    assert left(repair(store)).keys() == {"notes.txt", "train.zarr/image/c.9.0.0.0"}
    done = repair(store, remove_unlisted=True)
    assert done.ok
    assert done.removed == ("notes.txt", "train.zarr/image/c.9.0.0.0")
    assert tree(store).keys() == {*tree(sound), ".gitignore"}


def test_contents_that_contradict_the_manifest_are_named_as_beyond_repair(tmp_path: Path) -> None:
    store = with_manifest(
        build_edited(tmp_path / "a"),
        lambda table: table.set_column(
            table.column_names.index("identity"),
            table.schema.field("identity"),
            [np.where(table["identity"].to_numpy() >= 0, 1, -1)],
        ),
    )
    done = repair(store, [str(store)])
    assert {item.problem.kind for item in done.left} == {"inconsistent"}
    assert all("build the store anew" in item.reason for item in done.left)


def test_a_source_that_is_none_is_refused_before_anything_is_written(store: Path) -> None:
    flip(store / SHARD)
    before = tree(store)
    with pytest.raises(RevisionError, match="--from elsewhere: no URL and no folder here"):
        repair(store, ["elsewhere"])
    assert tree(store) == before


def test_an_interruption_leaves_the_old_file_or_the_new_one_and_nothing_else(
    store: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(store / SHARD)
    before = tree(store)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(repairing, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repair(store, [str(sound)])
    monkeypatch.undo()
    assert {file: digest for file, digest in tree(store).items() if not file.endswith(".partial")} == before
    assert len(tree(store)) == len(before) + 1
    (store / "notes.partial").write_text("mine")
    assert [str(left.problem.path) for left in repair(store, [str(sound)]).left] == ["notes.partial"]
    (store / "notes.partial").unlink()
    done = repair(store, [str(sound)])
    assert done.ok
    assert tree(store) == tree(sound)
    assert Store.open(store).info == Store.open(sound).info


def test_nothing_is_written_through_a_folder_that_is_a_link(store: Path, sound: Path, tmp_path: Path) -> None:
    (store / "train.zarr").rename(tmp_path / "elsewhere")
    (store / "train.zarr").symlink_to(tmp_path / "elsewhere")
    file = "train.zarr/image/c.0.0.0.0"
    flip(store / file)
    before = tree(tmp_path / "elsewhere")
    assert "leads out of it" in left(repair(store, [str(sound)]))[file]
    assert tree(tmp_path / "elsewhere") == before

"""Whatever happens to a store, `repair` gives back the bytes that were written, or names what it cannot and why."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from edited_stores import build_edited, with_manifest
from stores import ARRAYS, build_faces, face_spec, tree
from web_folder import serve_folder

from faceshards.errors import CorruptShardError, RevisionError, StoreFormatError
from faceshards.store.reader import Store
from faceshards.store.schema import Profile
from faceshards.store.verify import verify
from faceshards.versions import repair as repairing
from faceshards.versions.repair import Repair, repair

SHARD = "train.zarr/image/c.0.0.0.0"
OTHER_SHARD = "train.zarr/image/c.1.0.0.0"
TABLES = ("manifest.parquet", "files.parquet")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES: tuple[Callable[[Path], None], ...] = (flip, truncate, lengthen, empty, Path.unlink)


@pytest.fixture(scope="module", params=get_args(Profile))
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of each profile."""
    root = tmp_path_factory.mktemp("sound")
    spec = face_spec({"train": 6, "val": 2}, 4, 2, ARRAYS[:2] + ARRAYS[3:], profile=request.param)
    return build_faces(root / "work", root / "out", spec)


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "store"))


def swap(store: Path, one: str, other: str) -> None:
    first, second = (store / one).read_bytes(), (store / other).read_bytes()
    (store / one).write_bytes(second)
    (store / other).write_bytes(first)


def left(done: Repair) -> dict[str, str]:
    return {item.problem.path: item.reason for item in done.left}


def with_damages(sound: Path, files: Iterable[str]) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Each file with a way to damage it: in each profile another one."""
    first = get_args(Profile).index(Store.open(sound).info["profile"])
    yield from zip(files, islice(cycle(DAMAGES), first, None), strict=False)


def test_every_file_comes_back_from_another_copy(store: Path, sound: Path) -> None:
    whole = tree(sound)
    for file, damage in with_damages(sound, whole):
        damage(store / file)
        done = repair(store, [str(sound)])
        assert done.ok
        assert {item.path for item in done.repaired} == {file}
        assert tree(store) == whole


def test_a_store_of_which_only_one_table_is_left_comes_back_from_another_copy(store: Path, sound: Path) -> None:
    for file in tree(sound):
        if file != "files.parquet":
            (store / file).unlink()
    assert repair(store, [str(sound)]).ok
    assert tree(store) == tree(sound)


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


def test_files_that_changed_places_are_put_back_without_any_copy(store: Path, sound: Path) -> None:
    swap(store, SHARD, OTHER_SHARD)
    swap(store, "train.zarr/region/zarr.json", "train.zarr/erased/c.0.0")
    (store / "val.zarr/image/c.0.0.0.0").rename(store / "lost+found")
    done = repair(store)
    assert left(done) == {"lost+found": "--remove-unlisted removes it"}
    assert tree(store) == {**tree(sound), "lost+found": tree(sound)["val.zarr/image/c.0.0.0.0"]}


def test_metadata_and_the_inventory_follow_from_the_rest(store: Path, sound: Path) -> None:
    files = [file for file in tree(sound) if file.endswith("zarr.json") or file == "files.parquet"]
    for file, damage in with_damages(sound, files):
        damage(store / file)
        done = repair(store)
        assert [(item.path, item.source) for item in done.repaired] == [(file, "the store's other files")]
        assert done.ok
    assert tree(store) == tree(sound)


def test_the_card_and_croissant_of_the_pipeline_follow_from_dataset_json(small_run: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(small_run / "shards", tmp_path / "shards"))
    flip(store / "README.md")
    (store / "croissant.json").unlink()
    assert repair(store).ok
    assert tree(store) == tree(small_run / "shards")


def test_what_has_no_copy_is_named_with_the_reasons_and_the_rest_is_repaired(store: Path, sound: Path) -> None:
    flip(store / SHARD)
    flip(store / "manifest.parquet")
    (store / "val.zarr/zarr.json").unlink()
    done = repair(store)
    assert not done.ok
    assert left(done).keys() == {SHARD, "manifest.parquet"}
    for reason in left(done).values():
        assert "no --from was given" in reason
        assert "the store's other files: it does not follow from them" in reason
        assert "DVC's cache: " in reason
    assert {item.path for item in done.repaired} == {"val.zarr/zarr.json"}
    assert {problem.path for problem in verify(store).problems} == {SHARD, "manifest.parquet"}
    assert repair(store, [str(sound)]).ok


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


def test_a_copy_that_has_the_same_damage_is_passed_over_for_the_next(store: Path, sound: Path, tmp_path: Path) -> None:
    flip(store / SHARD)
    also_damaged = Path(shutil.copytree(store, tmp_path / "copy"))
    done = repair(store, [str(also_damaged)])
    assert f"{also_damaged}: it has other bytes" in left(done)[SHARD]
    done = repair(store, [str(also_damaged), str(sound)])
    assert done.ok
    assert [item.source for item in done.repaired] == [str(sound)]


def test_two_copies_with_different_damage_make_one_sound_store(store: Path, sound: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sound, tmp_path / "copy"))
    for number, file in enumerate(sorted(tree(sound))):
        if file not in ("dataset.json", "files.parquet"):
            flip((store, copy)[number % 2] / file)
    (copy / "files.parquet").unlink()
    assert repair(store, [str(copy)]).ok
    assert repair(copy, [str(store)]).ok
    assert tree(store) == tree(copy) == tree(sound)


def test_another_version_gives_the_files_that_both_have_at_whatever_place_and_no_other(tmp_path: Path) -> None:
    a = build_edited(tmp_path / "a", spec=face_spec({"train": 21, "val": 3}))
    b = build_edited(tmp_path / "b", spec=face_spec({"train": 22, "val": 3}))
    whole = tree(a)
    flip(a / SHARD)
    flip(a / "train.zarr/image/c.2.0.0.0")
    swap(b, SHARD, OTHER_SHARD)
    repair(b)
    done = repair(a, [str(b)])
    assert {item.path for item in done.repaired} == {SHARD}
    assert f"{b}: it has other bytes" in left(done)["train.zarr/image/c.2.0.0.0"]
    assert tree(a)[SHARD] == whole[SHARD]


def test_dataset_json_of_another_version_is_refused_and_of_the_same_one_taken(tmp_path: Path) -> None:
    a = build_edited(tmp_path / "a")
    same = Path(shutil.copytree(a, tmp_path / "same"))
    others = [
        build_edited(tmp_path / "more", spec=face_spec({"train": 22, "val": 3})),
        with_manifest(Path(shutil.copytree(a, tmp_path / "renamed")), lambda table: table.slice(1)),
    ]
    whole = tree(a)
    for damage in (empty, truncate, Path.unlink):
        damage(a / "dataset.json")
        for other in others:
            with pytest.raises(CorruptShardError, match="it is another version, or no table here is sound enough"):
                repair(a, [str(other)])
        with pytest.raises(CorruptShardError, match="--from FOLDER, URL or git revision"):
            repair(a)
        done = repair(a, [*map(str, others), str(same)])
        assert done.ok
        assert [item.source for item in done.repaired] == [str(same)]
        assert tree(a) == whole


def test_dataset_json_is_known_by_its_own_checksum_where_both_tables_are_damaged(store: Path, sound: Path) -> None:
    for file in TABLES:
        truncate(store / file)
    flip(store / "dataset.json")
    assert repair(store, [str(sound)]).ok
    for file in TABLES:
        truncate(store / file)
    truncate(store / "dataset.json")
    with pytest.raises(CorruptShardError, match="no table here is sound enough"):
        repair(store, [str(sound)])


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


def test_shards_that_a_build_keeps_are_used_by_their_bytes(store: Path, sound: Path) -> None:
    kept = store.parent / ".work/kept/store/0123abcd"
    kept.mkdir(parents=True)
    shutil.copy(sound / SHARD, kept / "train-0-image")
    shutil.copy(sound / OTHER_SHARD, kept / "train-1-image")
    flip(kept / "train-1-image")
    flip(store / SHARD)
    (store / OTHER_SHARD).unlink()
    done = repair(store)
    assert {item.path for item in done.repaired} == {SHARD}
    assert f"kept shards in {store.parent / '.work/kept'}: none has these bytes" in left(done)[OTHER_SHARD]


def test_a_copy_at_a_url_is_asked_for_what_is_damaged_alone(store: Path, sound: Path, no_proxy: None) -> None:
    flip(store / SHARD)
    with serve_folder(sound) as (url, asked):
        assert repair(store, [url]).ok
        assert {path.lstrip("/") for path in asked} == {SHARD, "dataset.json", "files.parquet"}
    flip(store / SHARD)
    assert f"{url}: " in left(repair(store, [url]))[SHARD]
    assert tree(store).keys() == tree(sound).keys()


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

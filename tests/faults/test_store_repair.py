"""Whatever happens to a store, `repair` gives back the bytes that were written, or names what it cannot and why."""

import shutil
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import get_args

import pytest
from damage import DAMAGES, exchange, flip, other_length
from edited_stores import build_edited, with_manifest
from repairs import OTHER_SHARD, SHARD, left
from stores import face_spec, tree
from web_folder import serve_folder

from faceshards.errors import CorruptShardError
from faceshards.store.reader import Store
from faceshards.store.schema import Profile
from faceshards.store.verify import verify
from faceshards.versions.repair import repair

TABLES = ("manifest.parquet", "files.parquet")


def with_damages(sound: Path, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each file with a damage: in each profile another one."""
    first = get_args(Profile).index(Store.open(sound).info["profile"])
    yield from zip(files, islice(cycle(("flipped", *DAMAGES)), first, None), strict=False)


def hurt(path: Path, damage: str) -> None:
    flip(path) if damage == "flipped" else other_length(path, damage)


def test_every_file_comes_back_from_another_copy(store: Path, sound: Path) -> None:
    whole = tree(sound)
    for file, damage in with_damages(sound, whole):
        hurt(store / file, damage)
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


def test_files_that_changed_places_are_put_back_without_any_copy(store: Path, sound: Path) -> None:
    exchange(store / SHARD, store / OTHER_SHARD)
    exchange(store / "train.zarr/region/zarr.json", store / "train.zarr/erased/c.0.0")
    (store / "val.zarr/image/c.0.0.0.0").rename(store / "lost+found")
    done = repair(store)
    assert left(done) == {"lost+found": "--remove-unlisted removes it"}
    assert tree(store) == {**tree(sound), "lost+found": tree(sound)["val.zarr/image/c.0.0.0.0"]}


def test_metadata_and_the_inventory_follow_from_the_rest(store: Path, sound: Path) -> None:
    files = [file for file in tree(sound) if file.endswith("zarr.json") or file == "files.parquet"]
    for file, damage in with_damages(sound, files):
        hurt(store / file, damage)
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
    exchange(b / SHARD, b / OTHER_SHARD)
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
    for damage in ("empty", "truncated", "missing"):
        other_length(a / "dataset.json", damage)
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
        other_length(store / file, "truncated")
    flip(store / "dataset.json")
    assert repair(store, [str(sound)]).ok
    for file in TABLES:
        other_length(store / file, "truncated")
    other_length(store / "dataset.json", "truncated")
    with pytest.raises(CorruptShardError, match="no table here is sound enough"):
        repair(store, [str(sound)])


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

"""A data set that grows, and one from which a person is removed: what is made anew, and what every version shares."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_files import encode, noise
from parsers import tiny_weights
from small_pipeline import run_pipeline

import faceshards
from faceshards.build.params import Params
from faceshards.store.reader import Store
from faceshards.store.verify import verify

PEOPLE, EACH = 12, 4
STORES = ("aligned", "parsed", "shards")


def add_people(folder: Path) -> None:
    for number in range(PEOPLE):
        person = folder / f"person{number:03d}"
        person.mkdir(parents=True)
        for k in range(EACH):
            (person / f"{k}.png").write_bytes(encode(noise(112, 112, seed=EACH * number + k)))


@pytest.fixture(scope="module")
def params(small_params: Callable[..., Params], tmp_path_factory: pytest.TempPathFactory) -> Params:
    """Of 48 faces of 12 people in shards of one."""
    root = tmp_path_factory.mktemp("faces")
    folder = root / "people"
    add_people(folder)
    whole = small_params()
    return replace(
        whole,
        source=replace(whole.source, path=str(folder)),
        plan=replace(whole.plan, splits={"train": 0.8, "val": 0.2}),
        parse=replace(whole.parse, weights=str(tiny_weights(root))),
        erase=replace(whole.erase, variants=1),
        store=replace(whole.store, shard_rows=1, chunk_rows=1),
    )


@pytest.fixture(scope="module")
def first(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the first version."""
    data = tmp_path_factory.mktemp("first") / "data"
    run_pipeline(params, data)
    return data


def copy_of(first: Path, folder: Path) -> Path:
    """The data folder of the first version, as the next one finds it, with its manifest beside it."""
    shutil.copytree(first, folder / "data")
    shutil.copy(first / "shards/manifest.parquet", folder / "earlier.parquet")
    return folder / "data"


def next_version(params: Params, data: Path, **plan: str) -> Path:
    earlier = data.parent / "earlier.parquet"
    run_pipeline(replace(params, plan=replace(params.plan, earlier=str(earlier), **plan)), data)
    return data


def grown(params: Params, folder: Path) -> Params:
    """The source with a face more, of a new person whose name comes first."""
    people = folder / "people"
    if not people.exists():
        shutil.copytree(params.source.path, people)
        (people / "anna").mkdir()
        (people / "anna/0.png").write_bytes(encode(noise(112, 112, seed=9)))
    return replace(params, source=replace(params.source, path=str(people)))


@pytest.fixture(scope="module")
def more(params: Params, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with a face more."""
    folder = tmp_path_factory.mktemp("more")
    return next_version(grown(params, folder), copy_of(first, folder))


def blobs(data: Path) -> dict[str, int]:
    """Bytes by content of all files, as DVC's cache holds them: equal ones once."""
    files = [path for name in STORES for path in (data / name).rglob("*") if path.is_file()]
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path.stat().st_size for path in files}


def made_anew(before: Path, after: Path, store: str) -> set[tuple[str, int]]:
    """Shards of a store that have another file than before."""
    old, new = (Store.open(data / store).inventory for data in (before, after))
    kept = set(zip(old["path"].to_pylist(), old["sha256"].to_pylist(), strict=True))
    changed = [row for row in new.to_pylist() if (row["path"], row["sha256"]) not in kept and row["shard"] is not None]
    return {(row["split"], row["shard"]) for row in changed}


def test_two_versions_of_which_one_has_a_face_more_share_nearly_all_bytes(first: Path, more: Path) -> None:
    before, after = blobs(first), blobs(more)
    shared = sum(size for digest, size in after.items() if digest in before)
    assert shared >= 0.92 * sum(after.values())


def test_only_shards_that_got_a_face_are_made_anew(first: Path, more: Path) -> None:
    old = set(Store.open(first / "shards").manifest["sample_id"].to_pylist())
    rows = Store.open(more / "shards").manifest.to_pylist()
    got = {(row["split"], row["shard"]) for row in rows if row["sample_id"] not in old}
    assert len(got) == 1
    for store in STORES:
        assert made_anew(first, more, store) <= got
    assert made_anew(first, more, "shards") == got


def test_nobody_moved_and_the_new_person_has_the_next_class_id(first: Path, more: Path) -> None:
    columns = ("split", "row", "identity")
    old, new = (
        {row["sample_id"]: [row[name] for name in columns] for row in manifest.to_pylist()}
        for manifest in (Store.open(data / "shards").manifest for data in (first, more))
    )
    assert {name: new[name] for name in old} == old
    assert new["anna/0"][2] == PEOPLE
    assert verify(more / "shards").ok


def test_the_version_has_the_bytes_of_one_that_is_made_where_nothing_is_kept(
    params: Params, more: Path, tmp_path: Path
) -> None:
    shutil.copy(more.parent / "earlier.parquet", tmp_path)
    again = next_version(grown(params, more.parent), tmp_path / "data")
    assert blobs(again) == blobs(more)


def test_with_a_person_removed_only_the_shards_that_held_the_person_change(
    params: Params, first: Path, tmp_path: Path
) -> None:
    data = copy_of(first, tmp_path)
    (tmp_path / "remove.txt").write_text("person: person007\n")
    next_version(params, data, remove=str(tmp_path / "remove.txt"))
    rows = [row for row in Store.open(first / "shards").manifest.to_pylist() if row["identity_name"] == "person007"]
    held = {(row["split"], row["shard"]) for row in rows}
    for store in STORES:
        assert made_anew(first, data, store) <= held
    assert made_anew(first, data, "shards") == held
    store = Store.open(data / "shards")
    assert "person007" not in set(store.manifest["identity_name"].to_pylist())
    for row in rows:
        at = row["split"], row["row"]
        assert not store.read(at[0], "usable", at[1], at[1] + 1)[0]
        assert not store.read(at[0], "image", at[1], at[1] + 1).any()
        assert not store.read(at[0], "variant", at[1], at[1] + 1).any()
        assert (store.read(at[0], "region", at[1], at[1] + 1) == 255).all()
        assert store.read(at[0], "identity", at[1], at[1] + 1)[0] == -1
    assert not any(b"person007" in path.read_bytes() for path in (data / "shards").rglob("*") if path.is_file())
    assert verify(store.path).ok
    split = rows[0]["split"]
    faces, before = (faceshards.open(folder / "shards", split=split) for folder in (data, first))
    assert len(faces) == len(before) - len(rows)
    labels = dict(zip(before[:]["sample_id"], before[:]["identity"], strict=True))
    assert all(labels[name] == label for name, label in zip(faces[:]["sample_id"], faces[:]["identity"], strict=True))
    assert np.isin(faces.identities, before.identities).all()

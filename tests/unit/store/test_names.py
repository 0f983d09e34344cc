"""Names out of files become paths below a root, or are refused where they are read."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from edited_stores import with_description
from hypothesis import given
from hypothesis import strategies as st
from stores import build_faces, face_spec, tree

import faceshards
from faceshards.errors import FaceShardsError, StoreFormatError, StoreSpecError
from faceshards.store.cache import Cache
from faceshards.store.names import alike, is_inside, is_name, path_in
from faceshards.store.verify import verify

BAD = {
    "up": "../EVIL",
    "far up": "../../../../OUTSIDE/train",
    "another store of the cache": "../../0123456789abcdef0123456789abcdef/train.zarr/image",
    "absolute": "/tmp/x",
    "NUL": "a\0b",
    "backslash": "..\\x",
    "drive": "C:x",
    "dot at the end": "train.",
    "dots": "..",
    "nothing": "",
    "look-alike": "tr\u0430in",
    "not composed": "e\u0301",
    "blank": "a b",
    "line": "train\n",
    "device": "CON",
    "long": "a" * 65,
    "hidden": ".x",
    "option": "-rf",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out", face_spec({"train": 4, "val": 2}))


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "in" / "store"))


def renamed(part: str, old: str, new: str) -> Any:
    """Renames a split or an array of `dataset.json`."""

    def change(content: dict[str, Any]) -> None:
        content[part] = {new if name == old else name: value for name, value in content[part].items()}

    return change


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
def test_a_split_or_array_of_such_a_name_is_refused_by_all_who_open_the_store(
    store: Path, tmp_path: Path, name: str
) -> None:
    for part, old in (("splits", "val"), ("arrays", "image")):
        edited = with_description(Path(shutil.copytree(store, tmp_path / part / "store")), renamed(part, old, name))
        before = tree(tmp_path)
        for read in (faceshards.open, verify, partial(faceshards.open, cache=Cache(tmp_path / "cache"))):
            address = f"file://{edited}" if isinstance(read, partial) else edited
            with pytest.raises(StoreFormatError, match=rf"dataset\.json: {part}.*expected under a name of 1 to 64"):
                read(address)
        assert tree(tmp_path) == before, "nothing was written, in the cache or beside it"


@pytest.mark.parametrize(("part", "old", "new"), [("splits", "val", "Train"), ("arrays", "region", "IMAGE")])
def test_names_that_are_one_folder_on_some_system_are_refused(store: Path, part: str, old: str, new: str) -> None:
    with pytest.raises(StoreFormatError, match=f"more than upper and lower case, unlike '{new}'"):
        faceshards.open(with_description(store, renamed(part, old, new)))


@pytest.mark.parametrize("name", ["../x", "a/b", "dataset.json", "DATASET.json", "train.zarr", "\0"])
def test_a_file_of_the_root_of_such_a_name_is_refused(store: Path, name: str) -> None:
    with pytest.raises(StoreFormatError, match=r"dataset\.json: files"):
        faceshards.open(with_description(store, renamed("files", "README.md", name)))


def test_a_store_that_would_be_refused_is_not_begun() -> None:
    for name in BAD.values():
        with pytest.raises(StoreSpecError, match="expected names of splits, arrays and dimensions"):
            face_spec({name: 1})
    with pytest.raises(StoreSpecError, match="upper and lower case: Train"):
        face_spec({"train": 1, "Train": 1})


@given(st.text(max_size=70) | st.from_regex(r"[./\\:A-Za-z0-9_-]{0,12}", fullmatch=True))
def test_whatever_is_inside_stays_there(name: str) -> None:
    root = Path("root")
    if is_inside(name):
        assert (root / name).resolve().is_relative_to(root.resolve())
        assert path_in(root, name) == root / name
    else:
        with pytest.raises(StoreFormatError, match="leads out of it or is no path"):
            path_in(root, name)
    if is_name(name):
        assert is_inside(name)
        assert not alike([name])


def test_who_writes_goes_through_no_link_that_leads_out(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    assert path_in(tmp_path / "root", "link/x") == tmp_path / "root" / "link/x"
    with pytest.raises(StoreFormatError, match="leads out"):
        path_in(tmp_path / "root", "link/x", links=False)


def test_a_link_in_the_cache_is_replaced_and_never_written_through(store: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    url = f"file://{store}"
    expected = faceshards.open(url, cache=cache)[:]["image"].tolist()
    (kept,) = cache.folder.glob("*/train.zarr/image/c.0.0.0.0")
    outside = tmp_path / "outside"
    outside.write_bytes(b"not ours")
    kept.unlink()
    kept.symlink_to(outside)
    assert faceshards.open(url, cache=cache)[:]["image"].tolist() == expected
    assert outside.read_bytes() == b"not ours"
    assert not kept.is_symlink()
    assert cache.folder.stat().st_mode & 0o077 == kept.stat().st_mode & 0o077 == 0, "nobody else reads faces there"


def test_links_to_sound_files_are_read_for_dvc_makes_such(store: Path, tmp_path: Path) -> None:
    shard = store / "train.zarr/image/c.0.0.0.0"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    assert verify(store).ok
    shard.unlink()
    shard.symlink_to("/dev/zero")
    assert {problem.kind for problem in verify(store).problems} == {"missing", "undecodable"}
    with pytest.raises(FaceShardsError, match="expected a file, found a folder, a pipe or a device"):
        faceshards.open(store)[:]

"""Stores straight from a DVC remote, at a revision, without a checkout."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from dvc_projects import dvc, git
from stores import build_faces, face_spec, tree

import faceshards
from faceshards.errors import CorruptShardError, MissingShardError

SHARD = "train.zarr/image/c.0.0.0.0"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with a DVC remote that has two versions of a store, neither of them in the working tree."""
    root = tmp_path_factory.mktemp("dvc")
    repo = root / "repo"
    repo.mkdir()
    git(repo, "init")
    dvc(repo, "init", "--quiet")
    dvc(repo, "remote", "add", "--default", "storage", str(root / "remote"))
    for tag, rows in (("v1", 21), ("v2", 5)):
        shutil.rmtree(repo / "shards", ignore_errors=True)
        build_faces(root / "work", repo / "shards", face_spec({"train": rows}))
        dvc(repo, "add", "shards")
        dvc(repo, "push")
        git(repo, "add", ".")
        git(repo, "commit", "--message", tag)
        git(repo, "tag", tag)
    shutil.rmtree(repo / "shards")
    shutil.rmtree(repo / ".dvc/cache")
    return repo


def test_each_revision_reads_as_it_was_built(repo: Path, tmp_path: Path) -> None:
    cache = faceshards.Cache(tmp_path / "cache")
    for rev, rows in (("v1", 21), ("v2", 5)):
        options = {"repo": str(repo), "rev": rev}
        faces = faceshards.open("dvc://shards", storage_options=options, cache=cache)
        local = build_faces(tmp_path / "work", tmp_path / rev, face_spec({"train": rows}))
        assert len(faces) == rows
        np.testing.assert_array_equal(faces[:]["image"], faceshards.open(local)[:]["image"])
        kept = tree(faces.store.path)
        assert kept.items() <= tree(local).items()
        assert "train.zarr/variant/c.0.0.0.0.0" not in kept
    assert not (repo / "shards").exists()


def test_objects_that_are_lost_or_damaged_in_the_remote_are_named(repo: Path, tmp_path: Path) -> None:
    remote = Path(shutil.copytree(repo.parent / "remote", tmp_path / "remote"))
    shard = build_faces(tmp_path / "work", tmp_path / "v1", face_spec({"train": 21})) / SHARD
    md5 = hashlib.md5(shard.read_bytes()).hexdigest()  # the name that DVC gives it
    (kept,) = remote.rglob(f"{md5[:2]}/{md5[2:]}")
    options = {"repo": str(repo), "rev": "v1", "remote": "copy", "remote_config": {"url": str(remote)}}
    faces = faceshards.open("dvc://shards", storage_options=options, cache=faceshards.Cache(tmp_path / "cache"))
    kept.chmod(0o644)
    kept.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CorruptShardError, match=rf"dvc://shards/{SHARD}: expected .* upload it again"):
        faces[0]
    kept.unlink()
    with pytest.raises(MissingShardError, match=rf"dvc://shards/{SHARD} is not there"):
        faces[0]
    faces[20]

"""`faceshards forget`, as a person types it, and what its advice does to DVC's cache and remote."""

import hashlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
from dvc_projects import dvc, git
from edited_stores import Row, build_edited
from ruamel.yaml import YAML
from stores import build_faces, face_spec, sample_id
from test_commands import run

SHARD = "train.zarr/image/c.1.0.0.0"
GONE = sample_id("train", 9)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def objects(folder: Path) -> set[str]:
    """Hashes of what a DVC cache or remote holds."""
    return {path.parent.name + path.name for path in (folder / "files/md5").rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A pushed version of a store that is the out of a stage, in Git and DVC."""
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init")
    dvc(project, "init", "--quiet")
    dvc(project, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    (project / "dvc.yaml").write_text("stages:\n  erase:\n    cmd: 'true'\n    outs: [data/shards]\n")
    version(project, 21)
    return project


def version(project: Path, rows: int) -> None:
    """Build and push a store of so many faces."""
    shutil.rmtree(project / "data/shards", ignore_errors=True)
    build_faces(project / "data/work", project / "data/shards", face_spec({"train": rows}))
    dvc(project, "commit", "--force")
    dvc(project, "push")
    git(project, "add", ".")
    git(project, "commit", "--message", "version")


def test_it_appends_to_the_list_and_says_which_shards_change(tmp_path: Path) -> None:
    shards = build_faces(tmp_path / "work", tmp_path / "shards", face_spec({"train": 21}))
    listing = tmp_path / "manifests/removed.txt"
    people = ["--sample", GONE, "--sample", sample_id("train", 11), "--sample", sample_id("train", 20)]
    code, text = run("forget", shards, *people, "--list", listing)
    assert code == 0
    assert listing.read_text() == f"sample: {GONE}\nsample: train-0011\nsample: train-0020\n"
    assert "has 3 faces of them" in text
    assert "train: 2 of 3 shards: 1 (2 faces), 2 (1 face)" in text
    assert f"remove: {listing}" in text
    assert "Then run: dvc repro\n" in text  # it lies in no DVC project, so that there is nowhere to push to
    again = run("forget", shards, *people, "--list", listing)[1]
    assert "nothing: all of them were in it" in again
    assert len(listing.read_text().splitlines()) == 3


def test_the_commands_that_it_names_take_the_face_out_of_cache_and_remote(project: Path, tmp_path: Path) -> None:
    shard = md5(project / "data/shards" / SHARD)
    _, text = run("forget", project / "data/shards", "--sample", GONE, "--list", project / "removed.txt")
    assert "with the versions of 1 commit of dvc.lock" in text
    assert "Then run: dvc repro && dvc push\n" in text
    version(project, 9)
    assert md5(project / "data/shards" / SHARD) != shard
    places = (project / ".dvc/cache", tmp_path / "remote")
    assert all(shard in objects(place) for place in places)
    commands = [shlex.split(command) for command in re.findall(r"dvc (gc --workspace.*)", text)]
    assert len(commands) == 2
    for command in commands:
        dvc(project, *command, "--force")
    for place in places:
        assert shard not in objects(place)
        assert md5(project / "data/shards" / SHARD) in objects(place)
    shutil.rmtree(project / "data/shards")
    shutil.rmtree(project / ".dvc/cache")
    dvc(project, "pull")
    assert (project / "data/shards" / SHARD).is_file()


def test_a_name_that_the_store_lacks_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    shards, listing = build_faces(tmp_path / "work", tmp_path / "shards"), tmp_path / "removed.txt"
    code, text = run("forget", shards, "--sample", GONE, "--person", "nobody", "--list", listing)
    assert code == 1
    assert "expected faces of person: nobody; found none, so nothing was written" in text
    assert not listing.exists()
    text = run("forget", shards, "--sample", f"{GONE}x", "--list", listing)[1]
    assert f"nothing was written; near to it: sample: {GONE}" in text
    code, text = run("forget", shards, "--list", listing)
    assert code == 2
    assert "--person NAME or --sample ID" in text


def test_a_name_that_a_line_cannot_hold_is_refused_for_it_would_name_somebody_else(tmp_path: Path) -> None:
    def named(split: str, row: Row, _face: object) -> None:
        row["identity_name"] = "ann\rperson: bob" if row["sample_id"] == GONE else "bob"

    store, listing = build_edited(tmp_path / "faces", named), tmp_path / "removed.txt"
    code, text = run("forget", store, "--person", "ann\rperson: bob", "--list", listing)
    assert code == 1
    assert "expected a name of one line" in text
    assert not listing.exists()


def test_what_it_says_to_run_and_to_write_holds_for_paths_with_blanks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project/my data").mkdir(parents=True)
    dvc(tmp_path / "project", "init", "--no-scm", "--quiet")
    store = build_faces(tmp_path / "work", tmp_path / "project/my data/shards")
    _, text = run("forget", "project/my data/shards", "--sample", GONE, "--list", "project/my list: #1.txt")
    copy, remove = (shlex.split(re.search(f"{command} .+$", text, re.MULTILINE)[0]) for command in ("cp", "rm -r"))
    assert Path(copy[1]).read_bytes() == (store / "manifest.parquet").read_bytes()
    assert copy[2] == "project/manifests/earlier.parquet"
    assert remove[2:] == ["project/my data/.work/kept"]
    (plan,) = re.findall(r"^  plan:\n(?:    .+\n)+", text, re.MULTILINE)
    assert YAML(typ="safe", pure=True).load(plan)["plan"]["remove"] == "my list: #1.txt"


def test_a_second_list_is_refused_for_those_on_the_first_would_come_back(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = build_faces(tmp_path / "work", tmp_path / "faces")
    params = (root / "params.yaml").read_text()
    Path("params.yaml").write_text(params.replace("  remove: null", "  remove: gone.txt"))
    code, text = run("forget", store, "--sample", GONE)
    assert code == 2
    assert "reads that list alone, so nothing was written; give --list gone.txt" in text.replace("\n", " ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "params.yaml"]
    assert run("forget", store, "--sample", GONE, "--list", "gone.txt")[0] == 0


def test_a_person_is_all_of_their_faces(small_run: Path, tmp_path: Path) -> None:
    code, text = run("forget", small_run / "shards", "--person", "person_03", "--list", tmp_path / "removed.txt")
    assert code == 0
    assert "has 2 faces of them" in text
    assert (tmp_path / "removed.txt").read_text() == "person: person_03\n"
    assert "lies in no DVC project" in text


def test_the_same_picture_under_another_name_is_told_until_it_is_on_the_list_too(tmp_path: Path) -> None:
    def same_picture(split: str, row: Row, _face: object) -> None:
        row["identity_name"] = {"train-0003": "ann", "train-0020": "bob"}.get(row["sample_id"])
        alike = ("train-0003", "train-0005", "train-0020", "val-0001")
        row["source_sha256"] = "1" * 64 if row["sample_id"] in alike else None

    store, listing = build_edited(tmp_path / "faces", same_picture), tmp_path / "removed.txt"
    code, text = run("forget", store, "--person", "ann", "--list", listing)
    assert code == 0
    assert "3 faces that" in text
    assert "the very image file of one that goes: train-0005, train-0020, val-0001\n" in text
    text = run("forget", store, "--sample", "val-0001", "--person", "bob", "--list", listing)[1]
    assert "1 face that" in text
    assert "the very image file of one that goes: train-0005\n" in text
    assert "image file" not in run("forget", store, "--sample", "train-0005", "--list", listing)[1]
    assert "image file" not in run("forget", store, "--sample", "train-0006", "--list", listing)[1]

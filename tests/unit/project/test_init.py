"""The repository of a data set: made from the package, checked, and taken over by a new release."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from doc_blocks import shown, shows
from ruamel.yaml import YAML

from faceshards.build import lockfile
from faceshards.build.code import code_of
from faceshards.build.forget import REMOVED
from faceshards.build.lockfile import LOCK, STAGES, check_code, entry_of, lock_of_this, read_lock, write_lock
from faceshards.build.params import load_params
from faceshards.cli import main
from faceshards.cli.forget import forget
from faceshards.errors import OtherCodeError, ParamsError, ProjectError, SourceNotFoundError
from faceshards.project.check import check
from faceshards.project.create import create
from faceshards.project.files import digest, files_of_template, source_in
from faceshards.project.upgrade import upgrade
from faceshards.store.durable import partial_of

OWN = {"README.md", ".gitignore", ".dvcignore", "dvc.yaml"}
"""Files of a data set that this repository has in another form."""


@pytest.fixture(scope="module", autouse=True)
def _code_that_stays() -> Iterator[None]:
    """Its digests are found once: no test here edits the package."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lockfile, "digest_of_stage", cache(lockfile.digest_of_stage))
        yield


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    create(tmp_path / "faces")
    return tmp_path / "faces"


@pytest.fixture
def inside(faces: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(faces)
    return faces


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_files_of_a_data_set_are_those_of_this_repository(root: Path) -> None:
    for name, data in files_of_template("", None).items():
        if name not in OWN:
            assert (root / name).read_bytes() == data, f"{name}: run `make template`"


def test_its_stages_are_those_of_this_repository_but_for_the_one_that_follows_edits_of_the_code(root: Path) -> None:
    here = YAML(typ="safe", pure=True).load(root / "dvc.yaml")
    there = YAML(typ="safe", pure=True).load(files_of_template("", None)["dvc.yaml"].decode())
    del here["stages"]["code"]
    assert there == here
    without = "".join((root / "dvc.yaml").read_text().partition("  code:\n")[0])
    assert files_of_template("", None)["dvc.yaml"].decode().startswith(without)


def test_no_file_of_the_template_counts_as_code_of_a_stage() -> None:
    for stage in STAGES:
        assert not [path for path in code_of(entry_of(stage)) if "project" in path]


def test_a_new_repository_has_git_dvc_and_what_the_stages_need(faces: Path) -> None:
    names = {path.relative_to(faces).as_posix() for path in faces.rglob("*") if ".git" not in path.parts[:-1]}
    assert {".git", ".dvc/config", ".dvc/plots/region_bars.json", "dvc.yaml", "params.yaml", LOCK.name} <= names
    assert {"manifests/demo.yaml", "manifests/landmarks.csv", "manifests/facesynthetics_sha256.parquet"} <= names
    assert (faces / "README.md").read_text().startswith("# faces\n")
    assert load_params(faces / "params.yaml").source.path == "manifests/demo.yaml"
    lock = read_lock(faces / LOCK)
    assert lock.stages == lock_of_this().stages
    assert set(lock.files) == names & set(lock.files)


@pytest.mark.parametrize("name", ["photos", "my photos", "faces: all", "007", "- x", "null", "ünï", 'a "b" #c'])
def test_a_source_of_any_name_is_read_back_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    create(tmp_path / "faces", tmp_path / name)
    params = (tmp_path / "faces/params.yaml").read_text()
    assert load_params(tmp_path / "faces/params.yaml").source.path == str(tmp_path / name) == source_in(params)


def test_a_relative_source_is_written_as_it_is_seen_from_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    create(Path("sets/faces"), Path("photos"))
    assert load_params(Path("sets/faces/params.yaml")).source.path == "../../photos"
    create(Path("frames"), Path("manifests/facesynthetics-100.yaml"))
    assert load_params(Path("frames/params.yaml")).source.path == "manifests/facesynthetics-100.yaml"


def test_a_relative_source_is_written_as_seen_from_where_a_link_to_the_repository_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "large/disk/faces").mkdir(parents=True)
    (tmp_path / "faces").symlink_to("large/disk/faces")
    monkeypatch.chdir(tmp_path)
    create(Path("faces"), Path("photos"))
    assert load_params(Path("faces/params.yaml")).source.path == "../../../photos"


def test_a_source_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        create(tmp_path / "faces", Path("nowhere"))
    assert not (tmp_path / "faces").exists()


def test_a_folder_with_other_files_is_refused_and_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/thesis.tex").touch()
    with pytest.raises(ProjectError, match=r"found a/thesis\.tex"):
        create(tmp_path)
    with pytest.raises(ProjectError, match=r"found thesis\.tex"):
        create(tmp_path / "absent/../a")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "thesis.tex"]


def test_a_run_that_was_stopped_is_taken_up_and_a_finished_one_is_not_done_again(faces: Path) -> None:
    (faces / LOCK).unlink()
    (faces / "dvc.yaml").rename(partial_of(faces / "dvc.yaml"))
    create(faces)
    assert not list(faces.glob("*.partial"))
    assert (faces / LOCK).is_file()
    with pytest.raises(ProjectError, match="--upgrade"):
        create(faces)


def test_within_a_git_repository_no_other_one_is_made(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    create(tmp_path / "faces")
    assert not (tmp_path / "faces/.git").exists()


def test_init_says_what_it_recognised_and_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in ("ann", "bob"):
        (tmp_path / "photos" / person).mkdir(parents=True)
        for n in range(2):
            cv2.imwrite(str(tmp_path / f"photos/{person}/{n}.png"), np.full((4, 4, 3), n, np.uint8))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["init", "faces", "--source", "photos"])
    assert done.output == (
        "faces: the repository of a data set, of 4 pictures of 2 people (imagefolder) from ../photos\n"
        "\nNext:\n  cd faces\n  dvc repro\n"
    )


def test_init_with_a_source_that_cannot_be_used_says_why_and_what_to_do_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["init", "faces", "--source", "photo.jpg"])
    assert "cannot be used as it is" in done.output
    assert done.output.endswith(
        "Next:\n  cd faces\n  edit params.yaml, until `faceshards check` finds nothing\n  dvc repro\n"
    )


def test_a_stage_refuses_code_that_is_not_the_one_of_the_data_set(inside: Path) -> None:
    check_code("align")
    lock = read_lock()
    write_lock(replace(lock, version="0.0.9", stages={**lock.stages, "align": "0" * 64}))
    check_code("parse")
    with pytest.raises(OtherCodeError, match=r"made by faceshards 0\.0\.9.*digest 000000000000.*init --upgrade"):
        check_code("align")
    done = CliRunner().invoke(main, ["stage", "align"])
    assert done.exit_code == 1
    told = shown("docs/upgrade.md", "faceshards stage report").replace("stage report", "stage align")
    assert shows(told, done.output)
    (inside / LOCK).unlink()
    with pytest.raises(OtherCodeError, match="found no file"):
        check_code("parse")


def test_an_upgrade_replaces_what_was_not_edited_and_keeps_what_was(faces: Path) -> None:
    older = dict(files_of_template("faces", None))
    older["dvc.yaml"] = older["dvc.yaml"].replace(b"params: [report,", b"params: [")
    older[".dvcignore"] = b"old\n"
    older["manifests/gone.yaml"] = b"kind: demo\n"
    del older["manifests/facesynthetics-1000.yaml"]
    for name, data in older.items():
        (faces / name).write_bytes(data)
    (faces / "manifests/facesynthetics-1000.yaml").unlink()
    (faces / "manifests/landmarks.csv").unlink()
    edit(faces / "params.yaml", "  variants: 4\n", "  variants: 2\n")
    edit(faces / "params.yaml", "  mirror: true\n", "")
    edit(faces / "params.yaml", "  seed: 0\n", "  seed: 0\n  sead: 1\n")
    edit(faces / ".gitignore", "/data/\n", "/data/\n/notes/\n")
    lock = lock_of_this({name: digest(data) for name, data in older.items()})
    write_lock(replace(lock, version="0.0.9", stages={**lock.stages, "report": "0" * 64}), faces / LOCK)

    done = upgrade(faces)
    assert done.stages == ("report",)
    assert done.written == ("manifests/facesynthetics-1000.yaml",)
    assert set(done.replaced) == {"dvc.yaml", ".dvcignore"}
    assert done.removed == ("manifests/landmarks.csv",)
    assert done.left == ("manifests/gone.yaml",)
    assert set(done.kept) == {"params.yaml", ".gitignore"}
    assert done.kept["params.yaml"] == (
        "new key parse.mirror; the release writes True",
        "unknown key plan.sead: remove it, or see CHANGELOG for what became of it",
    )
    assert "-/notes/" in done.kept[".gitignore"]
    assert "/notes/" in (faces / ".gitignore").read_text()
    assert (faces / "dvc.yaml").read_bytes() == files_of_template("", None)["dvc.yaml"]
    assert read_lock(faces / LOCK).stages == lock_of_this().stages


def test_an_upgrade_keeps_the_source_and_the_title_that_init_wrote(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    create(tmp_path / "faces", tmp_path / "photos")
    moved = tmp_path / "clone"
    shutil.copytree(tmp_path / "faces", moved)
    done = upgrade(moved)
    assert (done.written, done.replaced, done.kept, done.removed, done.stages) == ((), (), {}, (), ())
    assert load_params(moved / "params.yaml").source.path == str(tmp_path / "photos")


def test_params_that_nobody_edited_become_those_of_the_release_with_the_source_that_init_wrote(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    create(tmp_path / "faces", tmp_path / "photos")
    params = tmp_path / "faces/params.yaml"
    now = params.read_text()
    params.write_text(now.replace("  mirror: true\n", ""))
    lock = read_lock(tmp_path / "faces" / LOCK)
    write_lock(
        replace(lock, files={**lock.files, "params.yaml": digest(params.read_bytes())}), tmp_path / "faces" / LOCK
    )
    assert upgrade(tmp_path / "faces").replaced == ("params.yaml",)
    assert params.read_text() == now


def test_an_upgrade_of_what_init_did_not_make_is_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(ProjectError, match="faceshards init DIR"):
        upgrade(tmp_path)
    write_lock(lock_of_this(), tmp_path / LOCK)
    with pytest.raises(ProjectError, match="dvc repro"):
        upgrade(tmp_path)


def test_check_says_what_each_stage_would_do(inside: Path) -> None:
    found = check(Path("params.yaml"))
    assert found.problems == ()
    assert found.stages["download"] == "96 rendered pictures of 24 people, from manifests/demo.yaml"
    assert list(found.stages) == ["download", "plan", "align", "parse", "erase", "verify", "report"]
    assert found.stages["report"] == "a page on all of it, with 24 faces in its gallery"
    assert not (inside / "data").exists()
    edit(inside / "params.yaml", "  pictures: true", "  pictures: false")
    assert check(Path("params.yaml")).stages["report"] == "a page of numbers, without pictures and names"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  path: manifests/demo.yaml", "  path: nowhere", "source.path: expected a file or a folder at nowhere"),
        (
            "  path: manifests/demo.yaml",
            "  path: manifests/facesynthetics-100.yaml",
            "source.accept_licence: R-UDA-1.0",
        ),
        ("  path: manifests/demo.yaml", "  path: reports", "expected one of"),
        ("  landmarks: null", "  landmarks: points.csv", "source.landmarks: expected a file or a folder at points.csv"),
        ("  earlier: null", "  earlier: old.parquet", "plan.earlier: expected a file or a folder at old.parquet"),
        ("  remove: null", "  remove: params.yaml", "params.yaml"),
        ("  weights: bundled", "  weights: w.safetensors", "parse.weights: expected a file at w.safetensors"),
        ("  weights: bundled", "  weights: zoo/nobody.yaml", "nobody"),
        ("  detector: auto", "  detector: yunet", "align.yunet_model"),
    ],
)
def test_check_names_what_is_wrong(old: str, new: str, message: str, inside: Path) -> None:
    edit(inside / "params.yaml", old, new)
    assert message in "\n".join(check(Path("params.yaml")).problems)


def test_check_names_a_list_of_removals_that_the_params_do_not(inside: Path) -> None:
    (inside / REMOVED).write_text("person: ann\n")
    assert any(option.default == REMOVED for option in forget.params)
    assert "plan.remove: expected manifests/removed.txt" in "\n".join(check(Path("params.yaml")).problems)
    edit(inside / "params.yaml", "  remove: null", f"  remove: {REMOVED}")
    assert check(Path("params.yaml")).problems == ()


def test_check_tells_all_problems_at_once_and_exits_with_1(inside: Path) -> None:
    edit(inside / "params.yaml", "  path: manifests/demo.yaml", "  path: nowhere")
    edit(inside / "params.yaml", "  weights: bundled", "  weights: w.safetensors")
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 1
    assert "nowhere" in done.output
    assert "w.safetensors" in done.output
    done = CliRunner().invoke(main, ["check", "--json"])
    said = json.loads(done.output)
    assert (done.exit_code, said["ok"], len(said["problems"])) == (1, False, 2)
    assert said["stages"]["download"] == "cannot find the faces, from nowhere"
    edit(inside / "params.yaml", "  path: nowhere", "  path: null")
    with pytest.raises(ParamsError, match=r"source\.path: Input should be a valid string; found None"):
        check(Path("params.yaml"))


@pytest.fixture
def lock_writer(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / LOCK).write_text(text)
        return tmp_path / LOCK

    return write


@pytest.mark.parametrize("text", ["", "version: 1\n", "- a\n", 'version: "1"\nstages: {align: 3}\n', "\0"])
def test_a_lock_that_holds_something_else_is_named(text: str, lock_writer: Callable[[str], Path]) -> None:
    with pytest.raises(ParamsError, match=r"faceshards\.lock"):
        read_lock(lock_writer(text))

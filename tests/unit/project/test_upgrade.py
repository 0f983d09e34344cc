"""A data set made by another release: its stages refuse other code, and `init --upgrade` brings it to this one."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from doc_blocks import shown, shows
from dvc_projects import edit

from faceshards.build.lockfile import LOCK, check_code, lock_of_this, read_lock, write_lock
from faceshards.build.params import load_params
from faceshards.cli import main
from faceshards.errors import OtherCodeError, ParamsError, ProjectError
from faceshards.project.create import create
from faceshards.project.files import digest, files_of_template
from faceshards.project.upgrade import upgrade


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
    edit(faces / "params.yaml", "  labels: null\n", "")
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
        "new key source.labels; the release writes null",
        "new key parse.mirror; the release writes true",
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

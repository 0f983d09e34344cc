"""Exports of every format: the same store gives the same bytes, and one that fails leaves nothing."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from stores import SPLITS, VARIANTS, build_faces, build_people, face_spec, tree

from faceshards.cli import main
from faceshards.errors import CorruptShardError, ExportError
from faceshards.export.fiftyone import export_fiftyone
from faceshards.export.huggingface import export_huggingface
from faceshards.export.imagefolder import export_imagefolder
from faceshards.export.recordio import export_recordio
from faceshards.export.webdataset import export_webdataset
from faceshards.store.folder import new_folder
from faceshards.store.reader import Store

EXPORTS = [export_webdataset, export_imagefolder, export_huggingface, export_recordio, export_fiftyone]

Export = Callable[..., dict[str, int]]


@pytest.mark.parametrize("export", EXPORTS)
def test_the_same_store_gives_the_same_bytes(export: Export, store: Store, tmp_path: Path) -> None:
    assert export(store, tmp_path / "one") == export(store, tmp_path / "two") == SPLITS
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_that_fails_leaves_nothing_and_one_that_is_there_stays(
    export: Export, store: Store, tmp_path: Path
) -> None:
    damaged = build_faces(tmp_path / "work", tmp_path / "damaged")
    (damaged / "train.zarr/image/c.2.0.0.0").write_bytes(b"")
    with pytest.raises(CorruptShardError):
        export(Store.open(damaged), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["damaged"]
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/left-by-a-kill").touch()
    export(store, tmp_path / "out")
    before = tree(tmp_path / "out")
    assert not any("left" in name for name in before)
    with pytest.raises(ExportError, match="expected nothing there; delete it"):
        export(store, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged", "out"]


def test_what_the_store_does_not_have_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no split test; it has: train, val"):
        export_webdataset(store, tmp_path / "out", splits=["test"])
    with pytest.raises(ExportError, match="view 'both'; expected one of: original, variants"):
        export_webdataset(store, tmp_path / "out", view="both")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ExportError, match="expected at least one picture a file; found -5"):
        export_webdataset(store, tmp_path / "out", faces_per_tar=-5)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["webdataset", "imagefolder", "huggingface", "recordio", "fiftyone"])
def test_the_command_exports_a_store_at_a_path_or_a_url(
    format: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "cache"))
    for name, store in {"one": str(path), "two": f"file://{path}"}.items():
        done = CliRunner().invoke(main, ["export", format, store, str(tmp_path / name), "--split", "val"])
        assert done.exit_code == 0, done.output
        assert f"{name}: {SPLITS['val']} pictures (val: {SPLITS['val']}); to be read with " in done.output
    assert tree(tmp_path / "one") == tree(tmp_path / "two") != {}


def test_the_command_names_no_reader_of_folders_of_people_where_nobody_is_known(tmp_path: Path) -> None:
    for name, identity in (("known", [0, -1]), ("unknown", [-1, -1])):
        build_people(tmp_path / name, identity, ((0, 1),))
        command = ["export", "imagefolder", str(tmp_path / name), str(tmp_path / f"{name}-out")]
        said = CliRunner().invoke(main, command).output
        assert ("ImageFolder" in said) == (name == "known")
        assert "2 pictures (train: 2); to be read with" in said


def test_every_variant_counts_as_a_picture_and_in_fiftyone_the_original_behind_which_they_lie(
    store: Store, tmp_path: Path
) -> None:
    faces = SPLITS["val"]
    for export, each in ((export_webdataset, VARIANTS), (export_fiftyone, 1 + VARIANTS)):
        out = tmp_path / export.__name__
        assert export(store, out, splits=["val"], view="variants") == {"val": faces * each}


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_of_no_face_is_refused_and_an_empty_split_is_counted(export: Export, tmp_path: Path) -> None:
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "store", face_spec({"train": 2, "val": 0})))
    with pytest.raises(ExportError, match="store: expected usable faces in val; found none"):
        export(store, tmp_path / "out", splits=["val"])
    assert not (tmp_path / "out").exists()
    assert export(store, tmp_path / "out") == {"train": 2, "val": 0}


def test_the_card_names_no_split_without_files_for_datasets_would_refuse_them_all(tmp_path: Path) -> None:
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "store", face_spec({"train": 2, "val": 0})))
    export_huggingface(store, tmp_path / "out")
    assert "split: " in (card := (tmp_path / "out/README.md").read_text())
    assert "val-" not in card


def test_an_export_into_the_store_itself_is_refused(path: Path) -> None:
    before = tree(path)
    for export in EXPORTS:
        with pytest.raises(ExportError, match=r"expected a place outside of .*, where it would count as data"):
            export(Store.open(path), path / "train.zarr" / "out")
    assert tree(path) == before


def test_the_command_tells_errors_in_a_line(path: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", "webdataset", str(path), str(tmp_path)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["export", "webdataset", str(path), str(tmp_path)])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "delete it, or name another folder" in done.output


def test_of_two_exports_to_one_place_the_second_is_refused_and_the_first_is_whole(store: Store, tmp_path: Path) -> None:
    with new_folder(tmp_path / "out", ExportError) as folder:
        (folder / "mine").touch()
        with pytest.raises(ExportError, match="expected no other process at it"):
            export_webdataset(store, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


def test_a_full_disk_is_told_with_the_place_that_was_written_to(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"out'$") as caught, new_folder(tmp_path / "out", ExportError):
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it
    assert caught.value.filename == str(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

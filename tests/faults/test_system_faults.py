"""What the operating system refuses is one message with path and remedy, and nothing half done is left."""

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_pipeline import RECIPE, ROOT, download_and_plan

from faceshards.build.align import align_faces
from faceshards.build.params import Params, RunParams
from faceshards.build.runrecord import run_record
from faceshards.cli import main as cli
from faceshards.faulttext import told
from faceshards.store.durable import PARTIAL, sweep, write_file, written_whole


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A small disk of its own, of so many kilobytes; with another option it is mounted anew."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options: str) -> Path:
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"this user cannot mount: {error}")
        return place

    yield mounted
    subprocess.run(["umount", place], check=False, capture_output=True)


def stage(name: str) -> Result:
    return CliRunner().invoke(import_module(f"faceshards.stages.{name}").main, [], catch_exceptions=False)


def project(folder: Path) -> None:
    (folder / "small.yaml").write_text(RECIPE)
    params = (ROOT / "params.yaml").read_text().replace("path: manifests/demo.yaml", "path: small.yaml")
    (folder / "params.yaml").write_text(params)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_full_disk_ends_a_stage_with_a_message_and_leaves_nothing_half_written(
    disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = disk("size=200k")
    project(place)
    monkeypatch.chdir(place)
    result = stage("download")
    assert result.exit_code == 1
    said = "Error: the stage download: data/.work/source-"
    assert said in result.output
    assert "demo.zip: No space left on device. The disk is full (" in result.output
    assert f"bytes free at {place}" in result.output
    assert not [name for name in files(place) if name.endswith(PARTIAL)]


def test_a_disk_for_reading_alone_is_told_with_the_path(
    disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = disk("size=1m")
    project(place)
    monkeypatch.chdir(place)
    disk("remount,ro")
    result = stage("plan")
    assert result.exit_code == 1
    result = stage("inputs")
    assert result.exit_code == 1
    assert "manifests" in result.output
    assert "Read-only file system. That file system is mounted for reading alone" in result.output


def test_a_file_that_may_not_grow_is_named(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_file(tmp_path / "x", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "x")
    assert "ulimit -f" in told(caught.value, "the stage plan")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EDQUOT, "make room there"),
        (errno.EROFS, "write to another"),
        (errno.EACCES, "change the permissions"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOMEM, "run.workers"),
        (errno.EIO, "dmesg"),
        (errno.EBADF, "run again"),
    ],
)
def test_each_fault_has_a_remedy(number: int, remedy: str) -> None:
    said = told(OSError(number, os.strerror(number), "data/plan"), "the stage plan")
    assert said.startswith(f"the stage plan: data/plan: {os.strerror(number)}. ")
    assert remedy in said


def test_memory_that_runs_out_is_told_and_so_is_an_error_without_a_number() -> None:
    assert "run.workers" in told(MemoryError(), "the stage align")
    assert told(OSError("odd"), "info").startswith("info: odd. ")


@pytest.mark.parametrize(
    "said",
    [
        "std::bad_alloc",
        "DefaultCPUAllocator: can't allocate memory: you tried",
        "could not create a primitive",
        "can't start new thread",
        "",
    ],
)
def test_a_librarys_own_word_for_want_of_memory_is_told_by_a_stage(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def short(path: Path) -> None:
        raise RuntimeError(said) if said else MemoryError

    monkeypatch.setattr("faceshards.stages.command.load_params", short)
    result = CliRunner().invoke(import_module("faceshards.stages.plan").main, [])
    assert result.exit_code == 1
    assert f"Error: the stage plan: out of memory ({said or 'no room for more'}). Memory is short" in result.output


def test_an_error_of_a_library_that_says_nothing_of_memory_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def wrong(path: Path) -> None:
        raise RuntimeError("no such layer")

    monkeypatch.setattr("faceshards.stages.command.load_params", wrong)
    with pytest.raises(RuntimeError, match="no such layer"):
        stage("plan")


def test_a_command_that_meets_one_tells_it_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(cli, ["demo", str(tmp_path / "file/x.zip"), "--identities", "1", "--views", "1"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: demo: ")
    assert str(tmp_path / "file") in result.output


def test_a_store_whose_size_is_known_is_not_begun_where_it_has_no_room(
    small_params: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = small_params()
    params = replace(params, store=replace(params.store, profile="fast"))
    data = tmp_path / "data"
    download_and_plan(params, data)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("faceshards.build.shardmap.shutil.disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(OSError, match="there is no room for them") as caught:
        align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, params.run)
    assert caught.value.errno == errno.ENOSPC
    assert not (data / "aligned").exists()
    assert not list((data / ".work").rglob("*.zarr"))


def test_the_record_of_a_run_hides_no_fault_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").touch()  # in the place of the folder
    with pytest.raises(ValueError, match="the fault"), run_record(tmp_path / "run/plan.json", RunParams()):
        raise ValueError("the fault")


def test_what_a_killed_writer_left_is_swept_and_what_one_is_writing_is_not(tmp_path: Path) -> None:
    (tmp_path / f"a.json.{32 * '0'}{PARTIAL}").write_text("left by a kill")
    (tmp_path / "deeper").mkdir()
    (tmp_path / f"deeper/b.{32 * '1'}{PARTIAL}").write_text("left by a kill")
    with written_whole(tmp_path / "c.json") as file:
        sweep(tmp_path)
        assert len(files(tmp_path)) == 1
        file.write(b"whole")
    assert (tmp_path / "c.json").read_bytes() == b"whole"
    assert files(tmp_path) == ["c.json"]


def test_a_download_takes_nothing_up_that_a_killed_one_left(
    small_params: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, data = small_params(), tmp_path / "data"
    with monkeypatch.context() as patched:
        patched.setattr("faceshards.build.download.write_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            download_and_plan(params, data)
    (work,) = (data / ".work").glob("source-*")
    (work / f"demo.zip.{32 * 'a'}{PARTIAL}").write_text("left by a kill")
    (work / f"source.json.{32 * 'b'}{PARTIAL}").write_text("left by a kill")
    download_and_plan(params, data)
    assert files(data / "source") == ["demo.zip", "source.json"]

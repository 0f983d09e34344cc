"""Data that was replaced has another stamp; data that was not has the same."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest

from faceshards.errors import SourceNotFoundError
from faceshards.source import stamp
from faceshards.source.stamp import stamp_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "faces"
    for name in ("ann/1.png", "ann/2.png", "bob/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def rewritten_with_the_old_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def moved_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    shutil.copystat(path, other)
    other.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("x"),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("3.png")),
        lambda path: path.with_name("3.png").touch(),
        rewritten_with_the_old_time,
        moved_over,
    ],
)
def test_a_file_of_a_folder_that_changed_in_any_way_is_seen(change: Callable[[Path], object], folder: Path) -> None:
    before = stamp_of(folder)
    assert stamp_of(folder) == before
    change(folder / "ann/2.png")
    assert stamp_of(folder) != before


def test_links_are_followed_and_a_loop_of_them_ends(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.png").write_text("1")
    (folder / "cid").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    before = stamp_of(folder)
    (elsewhere / "1.png").write_text("2")
    assert stamp_of(folder) != before


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with ZipFile(path, "w", ZIP_STORED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_a_zip_is_told_by_its_members_wherever_it_lies(tmp_path: Path) -> None:
    one = zipped(tmp_path / "one.zip", {"000000.png": b"face", "000001.png": b"nose"})
    again = zipped(tmp_path / "two.zip", {"000001.png": b"nose", "000000.png": b"face"})
    other = zipped(tmp_path / "other.zip", {"000000.png": b"face", "000001.png": b"ears"})
    assert stamp_of(one) == stamp_of(again) != stamp_of(other)


def test_a_split_zip_is_the_zip_that_it_was(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "one.zip", {"000000.png": b"face" * 100, "000001.png": b"nose"})
    data = whole.read_bytes()
    for number, part in ((1, data[:150]), (2, data[150:])):
        (tmp_path / f"split.zip.00{number}").write_bytes(part)
    assert stamp_of(tmp_path / "split.zip.001") == stamp_of(whole)


def test_a_small_file_is_told_by_its_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("sample_id,x1\n")
    shutil.copy(one, two)
    assert stamp_of(one) == stamp_of(two)
    two.write_text("sample_id,x2\n")
    assert stamp_of(one) != stamp_of(two)


def test_a_large_record_file_is_told_by_its_state_and_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp, "_READ_WHOLE", 3)
    record, index = tmp_path / "train.rec", tmp_path / "train.idx"
    record.write_bytes(b"faces")
    index.write_text("0\t0\n")
    before = stamp_of(record)
    assert stamp_of(record) == before
    index.write_text("0\t4\n")
    assert (changed := stamp_of(record)) != before
    rewritten_with_the_old_time(record)
    assert stamp_of(record) != changed


def test_nothing_at_the_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="gone: expected a file or a folder; found nothing"):
        stamp_of(tmp_path / "gone")

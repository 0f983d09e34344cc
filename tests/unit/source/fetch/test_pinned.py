import hashlib
import runpy
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceshards.errors import DownloadError
from faceshards.source.fetch.pinned import (
    PINNED_SCHEMA,
    Mismatch,
    find_mismatches,
    holds_pinned_files,
    verify_members,
)
from faceshards.source.files import FolderFiles, ZipFiles

FILES = {"000000.png": b"face", "000000_seg.png": b"labels", "000001.png": b"another face"}


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    rows = [{"file": k, "bytes": len(v), "sha256": hashlib.sha256(v).digest()} for k, v in FILES.items()]
    pq.write_table(pa.Table.from_pylist(rows, schema=PINNED_SCHEMA), tmp_path / "pinned.parquet")
    return tmp_path / "pinned.parquet"


def zipped(path: Path, files: dict[str, bytes]) -> ZipFiles:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return ZipFiles(path)


@pytest.fixture(scope="session")
def official(root: Path) -> Path:
    return root / "manifests/facesynthetics_sha256.parquet"


def test_all_files_of_the_real_frames_match_the_official_hashes(frames_zip: Path, official: Path) -> None:
    files = ZipFiles(frames_zip)
    assert len(files.names & set(pq.read_table(official)["file"].to_pylist())) == 213
    assert find_mismatches(files, official) == []


def test_the_official_table_holds_three_files_of_each_of_a_thousand_frames(official: Path) -> None:
    table = pq.read_table(official)
    assert table.schema.equals(PINNED_SCHEMA)
    assert table["file"].to_pylist() == [
        f"{i:06d}{end}" for i in range(1000) for end in (".png", "_ldmks.txt", "_seg.png")
    ]


def test_the_official_table_is_what_its_script_makes_of_the_lists(root: Path, shared: Path, official: Path) -> None:
    script = runpy.run_path(str(root / "manifests/build_facesynthetics_sha256.py"))
    lists = shared / "facesynthetics"
    built = script["pinned_table"](lists / "dataset_1000.sha256", lists / "dataset_1000.sizes.csv")
    assert built.equals(pq.read_table(official))


def test_matching_files_pass_in_a_zip_in_its_folders_and_in_a_folder(tmp_path: Path, pinned: Path) -> None:
    assert find_mismatches(zipped(tmp_path / "flat.zip", FILES), pinned, frames=2) == []
    deep = zipped(tmp_path / "deep.zip", {f"set/{k}": v for k, v in FILES.items()})
    assert find_mismatches(deep, pinned, frames=2) == []
    (tmp_path / "folder").mkdir()
    for name, data in FILES.items():
        (tmp_path / "folder" / name).write_bytes(data)
    assert find_mismatches(FolderFiles(tmp_path / "folder"), pinned, frames=2) == []


def test_files_that_are_not_pinned_are_passed_over(tmp_path: Path, pinned: Path) -> None:
    assert find_mismatches(zipped(tmp_path / "a.zip", FILES | {"LICENSE.txt": b"", "000777.png": b"?"}), pinned) == []


def test_other_bytes_and_other_sizes_are_told_apart(tmp_path: Path, pinned: Path) -> None:
    files = zipped(tmp_path / "a.zip", FILES | {"000000.png": b"fake", "000001.png": b"fac"})
    assert find_mismatches(files, pinned) == [
        Mismatch("000000.png", f"has SHA-256 {hashlib.sha256(b'fake').hexdigest()}, "
                 f"expected {hashlib.sha256(b'face').hexdigest()}"),
        Mismatch("000001.png", "has 3 bytes, expected 12"),
    ]  # fmt: skip


def test_missing_files_count_only_among_the_frames_that_must_be_there(tmp_path: Path, pinned: Path) -> None:
    files = zipped(tmp_path / "a.zip", {"000000.png": b"face"})
    assert find_mismatches(files, pinned) == []
    assert find_mismatches(files, pinned, frames=1) == [Mismatch("000000_seg.png", "is missing")]
    assert len(find_mismatches(files, pinned, frames=2)) == 2


def test_a_member_damaged_inside_the_zip_is_a_mismatch(tmp_path: Path, pinned: Path) -> None:
    zipped(tmp_path / "a.zip", FILES)
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"another face", b"another fact", 1))
    (mismatch,) = find_mismatches(ZipFiles(tmp_path / "a.zip"), pinned)
    assert mismatch.file == "000001.png"
    assert "cannot be read" in mismatch.problem


def test_the_error_names_the_first_files_and_counts_the_others(tmp_path: Path) -> None:
    names = [f"{i:06d}.png" for i in range(12)]
    rows = [{"file": name, "bytes": 1, "sha256": hashlib.sha256(b"1").digest()} for name in names]
    pq.write_table(pa.Table.from_pylist(rows, schema=PINNED_SCHEMA), tmp_path / "pinned.parquet")
    zipped(tmp_path / "good.zip", dict.fromkeys(names, b"1"))
    verify_members(tmp_path / "good.zip", tmp_path / "pinned.parquet", frames=12)

    zipped(tmp_path / "bad.zip", dict.fromkeys(names, b"22"))
    with pytest.raises(
        DownloadError, match=r"12 other files: .*000009\.png has 2 bytes, expected 1; and 2 more"
    ) as error:
        verify_members(tmp_path / "bad.zip", tmp_path / "pinned.parquet")
    assert str(error.value).startswith(str(tmp_path / "bad.zip"))
    assert "000010.png" not in str(error.value)


def test_data_of_unknown_origin_is_told_apart_whole_other_or_damaged(tmp_path: Path, pinned: Path) -> None:
    some = {k: v for k, v in FILES.items() if k != "000001.png"}
    assert holds_pinned_files(zipped(tmp_path / "part.zip", some), pinned)
    assert not holds_pinned_files(zipped(tmp_path / "other.zip", dict.fromkeys(FILES, b"mine")), pinned)
    assert not holds_pinned_files(zipped(tmp_path / "none.zip", {"999999.png": b"mine"}), pinned)
    with pytest.raises(DownloadError, match=r"1 other file: 000001\.png"):
        holds_pinned_files(zipped(tmp_path / "damaged.zip", {**FILES, "000001.png": b"another fac3"}), pinned)

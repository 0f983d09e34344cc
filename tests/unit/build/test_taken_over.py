"""A build that takes over the shards of the one before says what a build without them says."""

from pathlib import Path
from typing import Any

import pytest
from frame_files import write_zip
from image_files import encode, noise
from photo_folders import aligned

from faceshards.source.landmarks import FIVE_POINTS

WHOLE = {
    **{f"00000{i}.png": encode(noise(112, 112, seed=i)) for i in range(2)},
    "identities.csv": b"sample_id,identity\n000000,ann\n",
}
HEAD, POINTS = ",".join(("sample_id", *FIVE_POINTS)), "000000,38,52,74,52,56,72,42,92,71,92"


def rows(path: Path, work: Path, **source: Any) -> list[dict[str, Any]]:
    return aligned(path, work, source, detector="none")[0]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_zip(tmp_path / "faces.zip", WHOLE)


def test_a_face_that_dropped_out_of_a_damaged_zip_is_there_once_the_zip_is_fetched_again(
    frames: Path, tmp_path: Path
) -> None:
    whole = frames.read_bytes()
    at = whole.index(WHOLE["000001.png"]) + 300
    frames.write_bytes(whole[:at] + bytes(60) + whole[at + 60 :])
    before = rows(frames, tmp_path / "work")
    assert [row["status"] for row in before] == ["ok", "skipped"]
    assert before[1]["reason"].startswith("corrupt_member: ")
    frames.write_bytes(whole)
    after = rows(frames, tmp_path / "work")
    assert [row["status"] for row in after] == ["ok", "ok"]
    assert after == rows(frames, tmp_path / "fresh")


def test_what_is_said_of_a_bad_row_of_landmarks_is_said_of_the_table_as_it_is(frames: Path, tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text(f"{HEAD}\n000001,none\n{POINTS}\n")
    assert "points.csv: line 2 has 2 values" in rows(frames, tmp_path / "work", landmarks=str(table))[1]["reason"]
    table.write_text(f"{HEAD}\n{POINTS}\n000001,none,at all\n")
    after = rows(frames, tmp_path / "work", landmarks=str(table))
    assert "points.csv: line 3 has 3 values" in after[1]["reason"]
    assert after == rows(frames, tmp_path / "fresh", landmarks=str(table))

"""A folder of photographs: every file that looks like a picture is a face or a row with its reason."""

from pathlib import Path
from typing import Any

import pytest
from odd_pictures import FACE, NO_PICTURES, odd_pictures, write_odd_folder
from photo_folders import aligned

REMARKS = {"first_frame"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("odd") / "photos"
    return root, write_odd_folder(root)


@pytest.fixture(scope="module")
def rows(expected: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return aligned(expected[0], tmp_path_factory.mktemp("work"), detector="none")[0]


def shown(name: str) -> str:
    return name.replace("\udce9", "\\xe9").replace("\n", "\\x0a")


def code(row: dict[str, Any]) -> str:
    return FACE if row["reason"] is None else str(row["reason"]).partition(":")[0]


def test_there_are_more_than_forty_of_all_kinds() -> None:
    kinds = [expected for _, expected in odd_pictures().values()]
    assert len(kinds) > 40
    assert 0.4 < kinds.count(FACE) / len(kinds) < 0.7


def test_every_picture_has_a_row_and_no_other_file(
    rows: list[dict[str, Any]], expected: tuple[Path, dict[str, str]]
) -> None:
    root, of = expected
    assert sorted(row["source_id"] for row in rows) == sorted(f"photos/{shown(name)}" for name in of)
    on_disk = [path for path in root.rglob("*") if not path.is_dir()]
    assert len(rows) + len(NO_PICTURES) == len(on_disk)


def test_every_row_is_a_face_or_says_why_not(rows: list[dict[str, Any]], expected: tuple[Path, dict[str, str]]) -> None:
    of = {f"photos/{shown(name)}": what for name, what in expected[1].items()}
    assert {row["source_id"]: code(row) for row in rows} == of
    for row in rows:
        used = of[row["source_id"]] in {FACE, *REMARKS}
        assert row["status"] == ("ok" if used else "skipped")
        assert row["identity_name"] is not None or code(row) == "hidden_file"


def test_no_row_tells_where_on_this_machine_the_pictures_lie(
    rows: list[dict[str, Any]], expected: tuple[Path, dict[str, str]]
) -> None:
    assert not [row["reason"] for row in rows if str(expected[0].parent) in str(row)]
    assert not [
        row["reason"] for row in rows if row["reason"] and (" /" in row["reason"] or "OpenCV(" in row["reason"])
    ]


def test_the_counts_add_up(rows: list[dict[str, Any]]) -> None:
    used = sum(row["status"] == "ok" for row in rows)
    skipped = sum(row["status"] == "skipped" and bool(row["reason"]) for row in rows)
    assert used + skipped == len(rows)

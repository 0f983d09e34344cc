"""A data set with numbers in place of names: no name is in any byte of what is passed on."""

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from edited_stores import build_edited
from small_pipeline import RECIPE, digest, download_and_plan, run_pipeline, small_params
from test_commands import run

from faceshards.build.params import Params, ReportParams, RunParams
from faceshards.build.verify import certify
from faceshards.export.fiftyone import export_fiftyone
from faceshards.export.huggingface import export_huggingface
from faceshards.export.imagefolder import export_imagefolder
from faceshards.export.recordio import export_recordio
from faceshards.export.webdataset import export_webdataset
from faceshards.report.page import write_report
from faceshards.source.demoface import render_face
from faceshards.store.reader import Store

NAMES = [b"ann example", b"zo\xc3\xab", b"holiday-", b"broken-one"]
EXPORTS = (export_fiftyone, export_webdataset, export_imagefolder, export_recordio, export_huggingface)


def photographs(folder: Path) -> Path:
    """Five faces of two people, and a file that is no picture, each under a telling name."""
    for number in range(5):
        person = folder / ("ann example" if number % 2 else "zo\u00eb")
        person.mkdir(parents=True, exist_ok=True)
        face = render_face(0, number % 2, number, 112).image
        cv2.imwrite(str(person / f"holiday-{number}.png"), np.ascontiguousarray(face[..., ::-1]))
    (folder / "ann example/broken-one.png").write_bytes(b"no picture")
    return folder


def nameless_params(folder: Path, key: str = "a key that nobody can guess, of 32 characters or more") -> Params:
    (folder / "names.key").write_text(key)
    params = small_params(folder / "unused.yaml", RunParams(workers=1), RECIPE)
    plan = replace(params.plan, splits={"train": 1.0}, names_key=str(folder / "names.key"))
    source = replace(params.source, path=str(folder / "portraits"))
    return replace(params, source=source, plan=plan)


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: stores in `data`, exports in `out`, the report."""
    folder = tmp_path_factory.mktemp("nameless")
    photographs(folder / "portraits")
    shards = run_pipeline(nameless_params(folder), folder / "data")
    certify(shards, folder / "shards.sha256")
    for export in EXPORTS:
        export(Store.open(shards), folder / "out" / export.__name__)
    data = folder / "data"
    parts = {"source": data / "source", "plan": data / "plan"}
    write_report(shards, data / "aligned", {}, folder / "report.html", ReportParams(), **parts)
    return folder


def told(path: Path) -> Iterator[bytes]:
    """All bytes of a file, and those that are compressed in it."""
    data = path.read_bytes()
    yield path.name.encode()
    yield data
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield repr(table.schema.metadata).encode()
        yield repr(table.to_pylist()).encode()
    for packed in re.findall(rb"[A-Za-z0-9+/]{200,}={0,2}", data) if path.suffix == ".html" else ():
        raw = base64.b64decode(packed + b"=" * (-len(packed) % 4))
        yield zlib.decompress(raw) if raw[:1] == b"\x78" else raw


def test_no_name_is_in_any_byte_of_stores_report_and_exports(nameless: Path) -> None:
    stores = [nameless / "data" / name for name in ("aligned", "parsed", "shards")]
    paths = [nameless / "report.html", nameless / "shards.sha256"]
    paths += [path for folder in (*stores, nameless / "out") for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 40
    for path in paths:
        for data in told(path):
            assert not [name for name in NAMES if name.decode() in data.decode("utf-8", "replace").lower()], path
    for store in stores:
        opened = Store.open(store)
        for name in opened.arrays:
            data = opened.read("train", name, 0, opened.splits["train"]).tobytes()
            assert not any(name in data for name in NAMES)
    rows = Store.open(nameless / "data/shards").manifest.to_pylist()
    assert {row["status"]: row["reason"] for row in rows} == {
        "ok": None,
        "skipped": "unknown_image_format: told without names",
    }
    assert {row["source_sha256"] for row in rows} == {None}
    assert all(row["source_id"] == row["sample_id"] for row in rows)


def test_the_page_still_shows_the_faces_that_dropped_out(nameless: Path) -> None:
    assert b"unknown_image_format: told without names" in b"".join(told(nameless / "report.html"))


def test_the_owners_table_says_whose_the_numbers_are(nameless: Path) -> None:
    table = (nameless / "data/plan/names.csv").read_text()
    assert "ann example/broken-one" in table
    assert all(str(row["sample_id"]) in table for row in Store.open(nameless / "data/shards").manifest.to_pylist())


def test_another_folder_and_run_give_the_same_plan(nameless: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "portraits")
    download_and_plan(nameless_params(tmp_path), tmp_path / "data")
    assert digest(tmp_path / "data/plan") == digest(nameless / "data/plan")


def test_a_person_is_forgotten_by_name_with_the_key_and_the_list_gets_the_number(
    nameless: Path, tmp_path: Path
) -> None:
    shards, listing = nameless / "data/shards", tmp_path / "removed.txt"
    asked = ("forget", shards, "--person", "ann example", "--list", listing)
    code, text = run(*asked)
    assert code == 1
    assert "has numbers in place of names; expected such a number, or the key that made them" in text
    assert not listing.exists()
    (tmp_path / "other.key").write_text("x" * 40)
    code, text = run(*asked, "--key", tmp_path / "other.key")
    assert code == 1
    assert "expected the key" in text
    code, text = run(*asked, "--key", nameless / "names.key")
    assert code == 0
    assert "has 3 faces of them" in text
    (line,) = listing.read_text().splitlines()
    assert re.fullmatch("person: p[0-9a-f]{24}", line)
    code, text = run("forget", shards, "--person", line.removeprefix("person: "), "--list", listing)
    assert code == 0
    assert "nothing: all of them were in it" in text


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_with_numbers_has_no_name_of_the_store(export: object, tmp_path: Path) -> None:
    def named(_split: str, row: dict[str, object], _face: object) -> None:
        row["sample_id"] = f"holiday-{row['sample_id']}"
        row["identity_name"] = "ann example" if row["identity"] == 0 else f"zo\u00eb {row['identity']}"

    store = Store.open(build_edited(tmp_path / "faces", named))
    export(store, tmp_path / "out", numbers=True)
    paths = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert paths
    for path in paths:
        for data in told(path):
            assert not [name for name in NAMES if name.decode() in data.decode("utf-8", "replace").lower()], path

"""The numbers and pictures that the page's script reads: right, bounded, and without names where none are wanted."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_faces import BIDI, COPIED, COPY, LOST_POINTS, TRUNCATED
from packed import unpack, unpacked
from small_stores import ERASE, RUN, STORE, Build

from faceshards.build.erase import erase_faces
from faceshards.build.params import ReportParams
from faceshards.cells import visible
from faceshards.errors import ReportInputError
from faceshards.ops.quality import quality
from faceshards.regions import N_REGIONS, Region
from faceshards.report.measures import MEASURES, side_balance
from faceshards.report.page import write_report
from faceshards.report.payload import MISSING, coded, coded_areas, pack
from faceshards.report.rows import CODES, OTHER, codes_of
from faceshards.store.reader import Store

PARAMS = ReportParams()


def write(build: Build, out: Path, params: ReportParams = PARAMS, **more: Any) -> dict[str, Any]:
    folder = build.shards.parent
    inputs = {"source": folder / "source", "plan": folder / "plan"} | more
    write_report(build.shards, build.aligned, build.metrics, out, params, **inputs)
    return unpacked(out)


@pytest.fixture(scope="module")
def data(demo: Build, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write(demo, tmp_path_factory.mktemp("data") / "report.html")


@pytest.fixture(scope="module")
def manifest(demo: Build) -> list[dict[str, Any]]:
    return Store.open(demo.shards).manifest.to_pylist()


def values(data: dict[str, Any], key: str) -> np.ndarray:
    number, measure = next((i, m) for i, m in enumerate(data["measures"]) if m["key"] == key)
    codes = data[f"measure{number}"]
    return np.where(codes == MISSING, np.nan, measure["offset"] + measure["scale"] * codes.astype(float))


def test_every_row_of_the_manifest_has_its_person_and_split(data: dict[str, Any], manifest: list[Any]) -> None:
    assert data["ids"] == [row["sample_id"] for row in manifest]
    assert [data["people"][code - 1] for code in data["person"]] == [row["identity_name"] for row in manifest]
    assert [data["splits"][code] for code in data["split"]] == [row["split"] for row in manifest]
    assert data["usable"].tolist() == [row["status"] == "ok" for row in manifest]


def test_areas_are_those_of_the_manifest_to_half_a_percent(data: dict[str, Any], manifest: list[Any]) -> None:
    shares = (data["areas"].reshape(N_REGIONS, -1).T / 255.0) ** 2
    for row, share in zip(manifest, shares, strict=True):
        pixels = np.array(row["region_px"] or [0] * N_REGIONS)
        assert ((share > 0) == (pixels > 0)).all()
        assert np.abs(share - pixels / 112**2).max() < 0.005


def test_measures_are_those_of_the_pictures(data: dict[str, Any], demo: Build, manifest: list[Any]) -> None:
    store = Store.open(demo.shards)
    images = [store.read(row["split"], "image", row["row"], row["row"] + 1)[0] for row in manifest]
    usable = data["usable"].astype(bool)
    for key, expected in quality(np.stack(images))._asdict().items():
        np.testing.assert_allclose(values(data, key)[usable], expected[usable], atol=0.1)
        assert np.isnan(values(data, key)[~usable]).all()


def test_the_size_and_tilt_in_the_source_come_from_the_aligned_store(data: dict[str, Any], demo: Build) -> None:
    aligned = Store.open(demo.aligned).manifest
    for key, column in (("size", "face_size"), ("roll", "roll")):
        expected = np.array(aligned[column].to_pylist(), float)
        np.testing.assert_allclose(values(data, key), expected, atol=0.6)
    assert np.nanmin(values(data, "size")) > 0


def test_the_copy_of_a_face_is_found_under_both_people(data: dict[str, Any]) -> None:
    ids = np.array(data["ids"])
    (found,) = data["sets"]
    assert set(ids[found["rows"]]) == {f"{COPIED:06d}", f"{COPY:06d}"}
    assert found["exact"]
    assert found["people"] == 2


def test_reasons_are_bits_with_their_sentences(data: dict[str, Any], manifest: list[Any]) -> None:
    for at, row in enumerate(manifest):
        codes = {data["codeNames"][bit] for bit in range(len(data["codeNames"])) if data["codes"][at] >> bit & 1}
        lines = (row["reason"] or "").split("\n") if row["reason"] else []
        assert codes == {line.partition(":")[0] for line in lines}
        assert data["sentences"].get(str(at), []) == lines


def test_of_many_codes_the_rare_ones_are_one() -> None:
    reasons = [f"code_{i:02d}: a sentence" for i in range(CODES + 3)] * 2 + ["code_32: one\ncode_00: two", None, None]
    dropped = np.array([False] * (len(reasons) - 1) + [True])
    bits, names = codes_of(pa.chunked_array([reasons], pa.string()), dropped)
    assert len(names) == CODES + 1
    assert names[:2] == ("code_00", "code_32")
    assert names[-1] == OTHER
    told = [{names[bit] for bit in range(32) if of >> bit & 1} for of in bits.tolist()]
    assert told[0] == {"code_00"}
    assert told[CODES + 1] == {OTHER}
    assert told[-3:] == [{"code_00", "code_32"}, set(), {OTHER}]


def test_a_dropped_face_has_a_picture_as_far_as_its_file_can_be_read(data: dict[str, Any]) -> None:
    shown = {data["ids"][one["row"]]: one["face"] for one in data["originals"]}
    assert set(shown) == {f"{LOST_POINTS:06d}"}
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(shown[f"{LOST_POINTS:06d}"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (112, 112, 3)
    assert f"{TRUNCATED:06d}" in data["ids"]


def test_region_maps_and_masks_are_those_of_the_store(data: dict[str, Any], demo: Build, manifest: list[Any]) -> None:
    store = Store.open(demo.shards)
    maps = data["maps"].reshape(-1, 112, 112)
    assert len(data["pictures"]) == len(maps) == sum(data["usable"])
    for picture, regions in zip(data["pictures"], maps, strict=True):
        row = manifest[picture["row"]]
        np.testing.assert_array_equal(regions, store.read(row["split"], "region", row["row"], row["row"] + 1)[0])
        assert picture["erased"] == row["erased"]
        assert picture["card"] == f"face-{picture['row']}"


def test_mean_maps_and_co_occurrence_count_the_faces(data: dict[str, Any]) -> None:
    maps = data["maps"].reshape(-1, 112, 112)
    present = np.stack([[(one == region).any() for region in range(N_REGIONS)] for one in maps]).astype(int)
    np.testing.assert_array_equal(data["together"].reshape(N_REGIONS, -1), present.T @ present)
    share = data["meanMaps"].reshape(N_REGIONS, 112, 112)
    for region in (Region.NOSE, Region.HAIR):
        np.testing.assert_array_equal(share[region], np.rint((maps == region).mean(axis=0) * 255))


def test_pictures_and_rows_are_bounded(demo: Build, tmp_path: Path) -> None:
    few = ReportParams(gallery=1, faces=4, thumbnails=2, dropped=0)
    data = write(demo, tmp_path / "report.html", few)
    assert len(data["ids"]) < 10
    assert len(data["pictures"]) == 2
    assert data["originals"] == []
    assert "The data set has 10" in (tmp_path / "report.html").read_text()


def test_duplicates_have_a_picture_before_others(demo: Build, tmp_path: Path) -> None:
    data = write(demo, tmp_path / "report.html", ReportParams(gallery=1, thumbnails=4))
    assert {one["row"] for one in data["pictures"]} & set(data["sets"][0]["rows"])


def test_without_pictures_no_face_and_no_name_is_in_the_page(demo: Build, manifest: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    earlier = tmp_path / "earlier.parquet"
    pq.write_table(Store.open(demo.shards).manifest.slice(3), earlier)
    data = write(demo, out, replace(PARAMS, pictures=False), earlier=earlier)
    assert data["ids"] == [f"face {i + 1}" for i in range(10)]
    assert {*data["people"]} == {f"person {row['identity']}" for row in manifest}
    assert data["pictures"] == data["originals"] == []
    assert data["meanFace"] is None
    assert not len(data["maps"])
    texts = out.read_text() + str(data)
    assert "data:image/webp" not in texts.replace("data:image/webp;base64,${picture.face}", "")
    for row in manifest:
        for name in (row["sample_id"], row["identity_name"], row["source_id"]):
            assert not re.search(rf"\b{re.escape(name)}\b", texts)
    assert "undecodable_image" in texts


def test_a_source_that_is_gone_costs_only_its_pictures(demo: Build, tmp_path: Path) -> None:
    data = write(demo, tmp_path / "report.html", source=tmp_path / "nowhere")
    assert data["originals"] == []
    assert "the source could not be read" in (tmp_path / "report.html").read_text()


def test_the_version_before_is_told_by_its_manifest(demo: Build, manifest: list[Any], tmp_path: Path) -> None:
    before = Store.open(demo.shards).manifest.slice(0, 8)
    names = pa.array(["another", *before["identity_name"].to_pylist()[1:]])
    before = before.set_column(before.column_names.index("identity_name"), "identity_name", names)
    pq.write_table(before, tmp_path / "earlier.parquet")
    write(demo, tmp_path / "report.html", earlier=tmp_path / "earlier.parquet")
    text = " ".join((tmp_path / "report.html").read_text().split())
    assert '<th scope="row">added</th><td class="num">2</td>' in text
    assert f"{manifest[8]['sample_id']}, {manifest[9]['sample_id']}" in text
    assert '<th scope="row">of another person</th><td class="num">1</td>' in text
    assert f"{manifest[0]['sample_id']} (another -&gt; {manifest[0]['identity_name']})" in text


def test_an_earlier_version_that_is_none_is_refused_by_name(demo: Build, tmp_path: Path) -> None:
    (tmp_path / "earlier.parquet").write_text("no manifest")
    with pytest.raises(ReportInputError, match=r"earlier\.parquet: expected the manifest of the version before"):
        write(demo, tmp_path / "report.html", earlier=tmp_path / "earlier.parquet")


def test_no_mark_of_direction_and_no_control_character_reaches_the_page(hostile: Build, tmp_path: Path) -> None:
    data = write(hostile, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert BIDI[0] not in text + "".join(data["ids"])
    assert any("\\u202egnp.sdrow" in name for name in data["ids"])
    assert not {letter for letter in text if not letter.isprintable()} - {"\n"}


@settings(max_examples=20)
@given(st.text())
def test_a_visible_name_has_no_unseen_character_and_a_plain_one_stays_as_it_is(name: str) -> None:
    assert not {c for c in visible(name) if c in "\x00\x1b\x7f\u200e\u200f\u202a\u202e\u2066\u2069\u2028"}
    if name.isprintable():
        assert visible(name) == name


def test_without_the_aligned_store_size_tilt_and_truth_are_left_out(demo: Build, tmp_path: Path) -> None:
    write_report(demo.shards, None, {}, tmp_path / "report.html", PARAMS)
    keys = {measure["key"] for measure in unpacked(tmp_path / "report.html")["measures"]}
    assert keys == {measure.key for measure in MEASURES} - {"agreement", "size", "roll"}


def test_what_is_packed_comes_out_as_it_was() -> None:
    arrays = {"a": np.arange(3, dtype=np.uint8), "b": np.array([[70000, 1]], np.uint32), "c": np.array([], np.uint16)}
    found = unpack(pack({"é": ["\u2028</script>", 1.5, None]}, arrays))
    assert found.pop("é") == ["\u2028</script>", 1.5, None]
    assert {name: one.tolist() for name, one in found.items()} == {"a": [0, 1, 2], "b": [70000, 1], "c": []}


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=40), st.sampled_from([1.0, 0.1]))
def test_numbers_are_kept_to_half_a_step(numbers: list[float], step: float) -> None:
    wanted = np.array(numbers, float)
    codes, scale, offset = coded(wanted, step)
    assert scale == step or np.nanmax(wanted) - np.nanmin(wanted) > step * 65_000
    back = np.where(codes == MISSING, np.nan, offset + scale * codes.astype(float))
    np.testing.assert_allclose(back, wanted, atol=scale / 2 * 1.001 + 1e-6)


def test_without_pictures_in_any_store_faces_have_numbers_and_no_duplicates(demo: Build, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    erase_faces(demo.aligned, demo.parsed, shards, replace(ERASE, variants=0, images=False), STORE, RUN)
    write_report(shards, None, {}, tmp_path / "report.html", PARAMS)
    data = unpacked(tmp_path / "report.html")
    assert {measure["key"] for measure in data["measures"]} == {"confidence", "mirror", "turn"}
    assert data["sets"] == []
    assert {picture["face"] for picture in data["pictures"]} == {None}
    assert "Not looked for" in (tmp_path / "report.html").read_text()


def test_a_single_pixel_is_never_coded_as_none() -> None:
    assert coded_areas(np.array([0, 1, 12_544]), 12_544).tolist() == [0, 2, 255]


def test_a_head_that_shows_more_of_the_pictures_right_has_a_positive_turn() -> None:
    areas = np.zeros((4, N_REGIONS), np.int32)
    areas[0, Region.LEFT_CHEEK] = 5
    areas[1, [Region.LEFT_CHEEK, Region.RIGHT_CHEEK]] = 3, 9
    areas[2, [Region.AROUND_LEFT_EYE, Region.RIGHT_CHIN]] = 4
    np.testing.assert_array_equal(side_balance(areas), [1, -0.5, 0, np.nan])

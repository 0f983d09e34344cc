"""The files of an explanation."""

import csv
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from faceshards.cam.explain import Explanation
from faceshards.cam.faces import Faces
from faceshards.cam.heatmap import MOST_ROWS, identity_heatmap
from faceshards.cam.render import region_bars
from faceshards.cam.results import OverlayWriter, write_results
from faceshards.regions import REGION_NAMES, Region

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def found() -> Explanation:
    scores = np.random.default_rng(0).random((4, 25)).astype(np.float32)
    scores[:, Region.GLASSES] = np.nan
    scores[0, Region.HAIR] = np.nan
    return Explanation(
        sample_ids=["ann/1", "ann/2", 'b,"o"b', "x"],
        identities=["ann", "ann", "<b&b>", ""],
        targets=["0", "0", "1", "2"],
        scores=scores,
        average=np.random.default_rng(1).random((112, 112)).astype(np.float32),
        mean_face=np.full((112, 112, 3), 90, np.uint8),
        skipped={"y": "no_landmarks: none, and no detector"},
    )


def test_the_table_gives_every_score_back_and_leaves_absent_regions_empty(found: Explanation, tmp_path: Path) -> None:
    write_results(found, tmp_path)
    rows = list(csv.reader((tmp_path / "scores.csv").read_text().splitlines()))
    assert rows[0] == ["sample_id", "identity", "target", *REGION_NAMES]
    assert [r[0] for r in rows[1:]] == found.sample_ids
    assert [r[1] for r in rows[1:]] == found.identities
    assert [r[2] for r in rows[1:]] == found.targets
    scores = np.array([[float(v or "nan") for v in r[3:]] for r in rows[1:]], np.float32)
    assert np.array_equal(scores, found.scores, equal_nan=True)
    assert rows[1][3 + Region.HAIR] == ""


def test_the_same_explanation_gives_the_same_bytes(found: Explanation, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_results(found, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["average.npy", "average.png", "identities.svg", "regions.svg", "scores.csv", "skipped.csv"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_average_map_and_its_picture_can_be_read(found: Explanation, tmp_path: Path) -> None:
    write_results(found, tmp_path)
    assert np.array_equal(np.load(tmp_path / "average.npy"), found.average)
    assert cv2.imread(str(tmp_path / "average.png")).shape == (224, 224, 3)


def test_skipped_faces_are_listed_only_where_there_are_some(found: Explanation, tmp_path: Path) -> None:
    write_results(found, tmp_path / "some")
    assert (tmp_path / "some/skipped.csv").read_text() == 'sample_id,reason\ny,"no_landmarks: none, and no detector"\n'
    write_results(replace(found, skipped={}), tmp_path / "none")
    assert not (tmp_path / "none/skipped.csv").exists()


def test_overlays_are_numbered_through_all_batches_and_end_with_the_most(tmp_path: Path) -> None:
    write = OverlayWriter(tmp_path, 5)
    for _ in range(3):
        images = np.zeros((3, 112, 112, 3), np.uint8)
        faces = Faces(["a"] * 3, np.zeros(3, np.int64), ["a"] * 3, images, images[..., 0])
        write(faces, np.zeros((3, 112, 112), np.float32))
    names = sorted(path.name for path in (tmp_path / "overlays").iterdir())
    assert names == [f"{i:06d}.png" for i in range(5)]
    assert cv2.imread(str(tmp_path / "overlays" / names[0])).shape == (224, 3 * 224, 3)


def test_bars_show_the_spread_from_end_to_end() -> None:
    scores, spread = np.full(25, np.nan), np.full(25, np.nan)
    scores[[Region.NOSE, Region.MOUTH]] = 3, 1
    spread[[Region.NOSE, Region.MOUTH]] = 1, 2
    svg = ET.fromstring(region_bars(scores, spread=spread))
    lines = [p.get("d") for p in svg.iter(f"{SVG}path")]
    assert lines == ["M280.0 35H380.0", "M130.0 53H330.0"]  # 50 a unit; 0 lies at 180, for mouth reaches to -1
    assert [float(r.get("width", "")) for r in svg.iter(f"{SVG}rect")] == [150, 50]


def test_bars_without_a_spread_are_as_long_as_the_others_are_of_themselves() -> None:
    scores, spread = np.full(25, np.nan), np.full(25, np.nan)
    scores[[Region.NOSE, Region.MOUTH]] = 3, 1
    spread[Region.MOUTH] = 1  # that of the nose is of one face alone, by ddof=1
    svg = ET.fromstring(region_bars(scores, spread=spread))
    assert [p.get("d") for p in svg.iter(f"{SVG}path")] == ["M130.0 53H263.3"]
    assert [float(r.get("width", "")) for r in svg.iter(f"{SVG}rect")] == [200, 66.7]


def test_the_heat_map_has_a_cell_for_every_identity_and_region(found: Explanation) -> None:
    svg = ET.fromstring(identity_heatmap(found.identities, found.scores, "a < b"))
    cells = [r.findtext(f"{SVG}title", "") for r in svg.iter(f"{SVG}rect")]
    assert len(cells) == 3 * 25
    assert "ann, glasses: absent" in cells
    assert f"ann, nose: {found.scores[:2, Region.NOSE].mean():.3g}" in cells
    assert f"ann, hair: {found.scores[1, Region.HAIR]:.3g}" in cells
    assert any(c.startswith("<b&b>, nose") for c in cells)
    assert any(c.startswith("(unknown), nose") for c in cells)


def test_the_heat_map_of_many_identities_shows_those_with_the_most_faces_and_says_so() -> None:
    many = [f"p{i:03d}" for i in range(MOST_ROWS + 5)]
    svg = ET.fromstring(identity_heatmap([*many, many[-1]], np.ones((len(many) + 1, 25)), "scores"))
    texts = [t.text for t in svg.iter(f"{SVG}text")]
    assert texts[0] == f"scores ({MOST_ROWS} of {MOST_ROWS + 5} identities)"
    assert many[-1] in texts
    assert many[-2] not in texts


def test_the_heat_map_is_sound_also_without_scores_and_with_names_that_xml_cannot_hold() -> None:
    svg = ET.fromstring(identity_heatmap(["a\x01\x1b"], np.full((1, 25), np.nan)))
    assert {r.get("fill") for r in svg.iter(f"{SVG}rect")} == {"#ddd"}

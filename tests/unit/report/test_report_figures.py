"""The numbers of the report, each against a plain count over the arrays themselves."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_stores import ERASE, WORST, Build

from faceshards.regions import IGNORE, N_REGIONS, Region, region_ids
from faceshards.report.agreement import agreement, compare
from faceshards.report.faces import Faces
from faceshards.report.gallery import gallery
from faceshards.report.pictures import difference, region_overlay
from faceshards.report.plots import AREA_CSV, ERASED_CSV, IOU_CSV, write_plots
from faceshards.report.skipped import NAMED, reasons
from faceshards.report.statistics import region_statistics
from faceshards.store.reader import Store


def all_of(build: Build, array: str) -> np.ndarray:
    store = Store.open(build.shards)
    return np.concatenate([store.read(split, array)[store.read(split, "usable")] for split in store.splits])


def test_areas_are_those_of_the_region_maps(demo: Build) -> None:
    statistics = region_statistics(Faces(demo.shards, None))
    regions = all_of(demo, "region")
    for r in Region:
        assert statistics.mean_share[r] == pytest.approx((regions == r).mean())
        assert statistics.present_share[r] == pytest.approx((regions == r).any(axis=(1, 2)).mean())


def test_erased_shares_are_those_of_the_masks(demo: Build) -> None:
    statistics = region_statistics(Faces(demo.shards, None))
    erased, regions = all_of(demo, "erased"), all_of(demo, "region")
    weighted = [r for r in region_ids(ERASE.classes) if ERASE.classes[r.label]]
    for r in Region:
        assert statistics.erased_share[r] == pytest.approx((erased >> int(r) & 1).mean())
        large_enough = ((regions == r).sum(axis=(1, 2)) >= ERASE.min_area).mean()
        assert statistics.eligible_share[r] == pytest.approx(large_enough if r in weighted else 0)
    assert (statistics.erased_share <= statistics.eligible_share).all()
    assert statistics.erased_share.any()


def test_statistics_read_no_image(demo: Build, tmp_path: Path) -> None:
    shutil.copytree(demo.shards, tmp_path / "shards", ignore=shutil.ignore_patterns("*.zarr"))
    without_images = region_statistics(Faces(tmp_path / "shards", None))
    np.testing.assert_array_equal(without_images, region_statistics(Faces(demo.shards, None)))


def test_agreement_counts_only_pixels_with_truth() -> None:
    truth = np.full((3, 2, 2), IGNORE, np.uint8)
    truth[0] = [[1, 1], [2, IGNORE]]
    truth[1] = 5
    regions = np.full((3, 2, 2), 5, np.uint8)
    regions[0] = [[1, 2], [2, 9]]
    np.testing.assert_allclose(agreement(regions, truth), [2 / 3, 1, np.nan])


def test_every_face_with_truth_is_compared_with_its_own(demo: Build) -> None:
    faces = Faces(demo.shards, demo.aligned)
    compared = compare(faces)
    assert sorted(compared.faces) == list(range(faces.usable.num_rows))
    assert (np.diff(compared.agreement) >= 0).all()
    for face, share in zip(compared.faces.tolist(), compared.agreement, strict=True):
        split, row = faces.usable["split"][face].as_py(), faces.usable["row"][face].as_py()
        alone = agreement(faces.read("region", face)[None], faces.truth(split, row, row + 1))
        assert share == alone[0]
    assert faces.usable["sample_id"][int(compared.faces[0])].as_py() == WORST


def test_of_a_large_store_chunks_from_first_to_last_are_compared(demo: Build) -> None:
    faces = Faces(demo.shards, demo.aligned)
    compared = compare(faces, examined=4)
    assert set(compared.faces) >= {0, faces.usable.num_rows - 1}
    assert len(compared.faces) <= 4


@pytest.mark.parametrize(("count", "shown"), [(1, [0]), (2, [0, 7]), (100, range(8))])
def test_the_gallery_picks_evenly_from_the_first_to_the_last(demo: Build, count: int, shown: Sequence[int]) -> None:
    faces = Faces(demo.shards, demo.aligned)
    cards = gallery(faces, count)
    assert [card.sample_id for card in cards] == faces.usable["sample_id"].take(list(shown)).to_pylist()
    assert {len(card.variants) for card in cards} == {ERASE.variants}


def test_an_overlay_shows_palette_colours_and_ignored_pixels_white() -> None:
    black = np.zeros((1, 2, 3), np.uint8)
    overlay = region_overlay(black, np.array([[Region.RIGHT_EYE, IGNORE]], np.uint8))
    np.testing.assert_array_equal(overlay, [[[0, 62, 165], [165, 165, 165]]])


def test_a_difference_is_red_only_where_a_known_pixel_is_wrong() -> None:
    grey = np.full((1, 3, 3), 100, np.uint8)
    shown = difference(grey, np.array([[1, 1, 1]], np.uint8), np.array([[1, 2, IGNORE]], np.uint8))
    red = (shown != shown[..., :1]).any(axis=-1)
    np.testing.assert_array_equal(red, [[False, True, False]])


def test_reasons_are_grouped_by_code_the_most_frequent_first() -> None:
    sentences = [None, "ok: a remark", "b: one", *(f"a: number {i}: and more" for i in range(NAMED + 3))]
    rows = {
        "sample_id": [str(i) for i in range(len(sentences))],
        "source_id": [f"zip/{i}" for i in range(len(sentences))],
        "status": ["ok", "ok", *["skipped"] * (len(sentences) - 2)],
        "reason": pa.array(sentences, pa.string()),
    }
    dropped = reasons(pa.table(rows), usable=False)
    assert [(reason.code, reason.count, len(reason.samples)) for reason in dropped] == [
        ("a", NAMED + 3, NAMED),
        ("b", 1, 1),
    ]
    assert dropped[0].samples[0] == ("3", "zip/3", "a: number 0: and more")
    assert [reason.code for reason in reasons(pa.table(rows), usable=True)] == ["ok"]


def test_plots_have_a_row_a_region(demo: Build, tmp_path: Path) -> None:
    write_plots(demo.shards, demo.metrics, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [AREA_CSV, ERASED_CSV, IOU_CSV]
    headers = {AREA_CSV: "region,mean_share,present_share", ERASED_CSV: "region,eligible_share,erased_share"}
    for name, header in headers.items():
        lines = (tmp_path / name).read_text().splitlines()
        assert lines[0] == header
        assert [line.split(",")[0] for line in lines[1:]] == [r.label for r in Region]
    statistics = region_statistics(Faces(demo.shards, None))
    table = np.genfromtxt(tmp_path / AREA_CSV, delimiter=",", skip_header=1, usecols=(1, 2))
    np.testing.assert_allclose(table, np.stack(statistics[:2], axis=1), atol=1e-6)
    assert len((tmp_path / IOU_CSV).read_text().splitlines()) <= N_REGIONS + 1


def test_without_parse_metrics_the_iou_table_has_only_its_header(demo: Build, tmp_path: Path) -> None:
    write_plots(demo.shards, {}, tmp_path)
    assert (tmp_path / IOU_CSV).read_text() == "region,iou\n"

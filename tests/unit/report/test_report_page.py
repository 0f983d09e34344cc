"""The report as a page: whole in itself, safe with any name, and right in what it says."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_stores import ERASE, RUN, STORE, WORST, Build

from faceshards.build.erase import erase_faces
from faceshards.build.params import ReportParams
from faceshards.errors import ReportInputError
from faceshards.regions import Region
from faceshards.report.page import write_report
from faceshards.store.reader import Store

VOID = {"meta", "img", "br", "rect", "input"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text())
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += f" {data}"

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def demo_page(demo: Build, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of the demo faces."""
    return page_of(demo, tmp_path_factory.mktemp("page") / "report.html")


def page_of(build: Build, out: Path, **changes: object) -> Page:
    arguments = {"shards": build.shards, "aligned": build.aligned, "metrics": build.metrics, "params": ReportParams()}
    write_report(**(arguments | changes), out=out)
    return Page(out)


def test_the_page_is_whole_in_itself(demo: Build, tmp_path: Path) -> None:
    page = page_of(demo, tmp_path / "report.html")
    assert page.open == []
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img") if "id" not in image)
    assert all(link["href"].startswith("#") for link in page.all("a"))
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= ids
    assert not page.all("link") + page.all("iframe")
    assert page.all("script") == [{"type": "text/plain", "id": "data"}, {}]
    assert "url(" not in (tmp_path / "report.html").read_text()


def test_the_page_can_be_read_without_seeing(demo_page: Page) -> None:
    assert all(image["alt"] for image in demo_page.all("img"))
    assert all(picture.get("aria-hidden") == "true" for picture in demo_page.all("svg"))
    assert all("scope" in header for header in demo_page.all("th"))
    assert demo_page.all("html") == [{"lang": "en"}]


def test_the_same_store_gives_the_same_bytes(demo: Build, tmp_path: Path) -> None:
    copy = shutil.copytree(demo.shards, tmp_path / "elsewhere")
    page_of(demo, tmp_path / "a.html")
    page_of(demo, tmp_path / "b.html", shards=copy)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_names_are_text_and_never_markup(hostile: Build, tmp_path: Path) -> None:
    page = page_of(hostile, tmp_path / "report.html")
    assert len(page.all("script")) == 2
    assert not page.all("i") + page.all("b")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for name in ('<script>alert(1)/"><img src=x onerror=alert(2)>', "&lt;b&gt;", "'{{ 7 * 7 }}", "demo <b>faces</b>"):
        assert name in page.text
    assert any("onerror=alert(2)" in image["alt"] for image in page.all("img"))


def test_skipped_faces_are_named_with_the_whole_sentence(demo_page: Page, demo: Build) -> None:
    skipped = [row for row in Store.open(demo.shards).manifest.to_pylist() if row["status"] != "ok"]
    assert len(skipped) == 2
    for row in skipped:
        assert f"{row['sample_id']} {row['source_id']} {row['reason']}" in demo_page.text
    assert "2 of 10 faces (20.0%) dropped out" in demo_page.text


def test_every_variant_names_what_is_erased_in_it(demo_page: Page, demo: Build) -> None:
    alts = {image["alt"] for image in demo_page.all("img")}
    usable = [row for row in Store.open(demo.shards).manifest.to_pylist() if row["status"] == "ok"]
    for row in usable:
        for number, mask in enumerate(row["erased"], 1):
            names = ", ".join(region.label.replace("_", " ") for region in Region.of_mask(mask)) or "nothing"
            assert f"Variant {number} of {row['sample_id']}, erased: {names}" in alts


def test_accuracy_is_what_the_stage_parse_measured(demo_page: Page, demo: Build) -> None:
    measured = json.loads(demo.metrics["parse"].read_text())
    for classes in ("regions", "coarse"):
        assert f"mean IoU {measured[classes]['miou']:.1%}" in demo_page.text
        assert f"pixel accuracy {measured[classes]['pixel_accuracy']:.1%}" in demo_page.text
    assert f"nose {measured['regions']['iou']['nose']:.1%}" in demo_page.text
    assert "facewear none does not occur" in demo_page.text


def test_the_worst_parsed_face_stands_first_in_its_section(demo_page: Page) -> None:
    section = demo_page.text.split("Worst parsed")[-1]
    assert re.findall(r"\b\d{6}\b", section)[0] == WORST


def test_the_face_of_which_the_parser_was_least_sure_stands_first_in_its_section(demo_page: Page) -> None:
    section = demo_page.text.split("Least sure")[-1]
    assert re.findall(r"\b\d{6}\b", section)[0] == WORST
    assert "30.0% sure" in section


def test_faces_of_less_confidence_than_asked_for_are_kept_with_a_remark(demo: Build, tmp_path: Path) -> None:
    outcome = erase_faces(demo.aligned, demo.parsed, tmp_path / "shards", ERASE, STORE, RUN, min_confidence=0.8)
    assert outcome.remarks["doubtful_regions"] == 1
    remarks = {
        row["sample_id"]: row["reason"]
        for row in Store.open(tmp_path / "shards").manifest.to_pylist()
        if row["status"] == "ok" and "doubtful_regions" in (row["reason"] or "")
    }
    assert remarks == {WORST: "doubtful_regions: the parser's confidence is 0.3000"}
    page = page_of(demo, tmp_path / "report.html", shards=tmp_path / "shards")
    assert "doubtful_regions 1" in page.text


def test_maps_that_are_not_the_parsers_have_no_confidence(demo: Build, tmp_path: Path) -> None:
    truth = replace(ERASE, regions="truth")
    outcome = erase_faces(demo.aligned, demo.parsed, tmp_path / "shards", truth, STORE, RUN, min_confidence=1.0)
    has_truth = {row["sample_id"]: row["has_truth"] for row in Store.open(demo.aligned).manifest.to_pylist()}
    rows = [row for row in Store.open(tmp_path / "shards").manifest.to_pylist() if row["status"] == "ok"]
    assert {row["confidence"] is None for row in rows if has_truth[row["sample_id"]]} == {True}
    assert all((row["weights_sha256"] is None) == has_truth[row["sample_id"]] for row in rows)
    assert (
        "Regions: the source's own, and where it has none those of the parser"
        in (tmp_path / "shards/README.md").read_text()
    )
    assert outcome.remarks.get("doubtful_regions", 0) == sum(row["confidence"] is not None for row in rows)


def test_without_truth_there_is_no_comparison(hostile: Build, demo: Build, tmp_path: Path) -> None:
    page = page_of(hostile, tmp_path / "a.html")
    assert "The source has no ground truth" in page.text
    assert "Worst parsed" not in page.text
    without_aligned = page_of(demo, tmp_path / "b.html", aligned=None)
    assert "% agree" not in without_aligned.text
    assert "Worst parsed" not in without_aligned.text


def test_maps_that_are_the_truth_are_not_compared_with_it(demo: Build, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    erase_faces(demo.aligned, demo.parsed, shards, replace(ERASE, regions="truth"), STORE, RUN)
    page = page_of(demo, tmp_path / "report.html", shards=shards)
    assert "there is nothing to compare them with" in page.text
    assert "Worst parsed" not in page.text
    assert "% agree" not in page.text


def test_stages_that_have_not_run_are_shown_as_such(demo: Build, tmp_path: Path) -> None:
    absent = dict.fromkeys(demo.metrics, tmp_path / "absent.json")
    for metrics in ({}, absent):
        text = page_of(demo, tmp_path / "report.html", metrics=metrics).text
        assert "verification not run" in text
        assert "the stage parse has left no metrics" in text
        assert text.count("not measured: the stage has left no metrics") == 3


def test_a_store_with_problems_is_not_called_verified(demo: Build, tmp_path: Path) -> None:
    found = tmp_path / "verify.json"
    found.write_text('{"files": 26, "bytes": 5, "rows": 8, "problems": 2}')
    text = page_of(demo, tmp_path / "report.html", metrics=demo.metrics | {"verify": found}).text
    assert "2 problems" in text
    assert "everything is as it was written" not in text


@pytest.mark.parametrize("content", ["{", "[]", '{"files": 1}', '{"files": 1, "bytes": 1, "rows": 1, "problems": "x"}'])
def test_metrics_of_another_form_are_refused_by_name(demo: Build, tmp_path: Path, content: str) -> None:
    broken = tmp_path / "verify.json"
    broken.write_text(content)
    with pytest.raises(ReportInputError, match=r"verify\.json.*run the stage again"):
        page_of(demo, tmp_path / "report.html", metrics={"verify": broken})
    assert not (tmp_path / "report.html").exists()


def test_metrics_of_an_unknown_stage_are_refused(demo: Build, tmp_path: Path) -> None:
    with pytest.raises(ReportInputError, match="metrics of algin"):
        page_of(demo, tmp_path / "report.html", metrics={"algin": demo.metrics["align"]})


def test_stores_that_do_not_belong_together_are_refused(demo: Build, hostile: Build, tmp_path: Path) -> None:
    with pytest.raises(ReportInputError, match="hold different samples"):
        page_of(demo, tmp_path / "report.html", aligned=hostile.aligned)
    with pytest.raises(ReportInputError, match="no array region"):
        page_of(demo, tmp_path / "report.html", shards=demo.aligned)

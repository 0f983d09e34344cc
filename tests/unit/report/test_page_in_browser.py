"""The page in a real browser, clicked and typed at, from a file and without a network."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import Opened, made
from odd_faces import BIDI, COPIED, COPY, LOST_POINTS, TRUNCATED
from small_stores import WORST, Build

from faceshards.build.params import ReportParams

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: it comes with the extra dev")

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium: the one that CHROMIUM names, or the first on the PATH."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on the PATH, and CHROMIUM names none")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def demo_file(demo: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(demo, tmp_path_factory.mktemp("page") / "report.html", ReportParams(gallery=3))


@pytest.fixture(scope="module")
def opened(browser: Any, demo_file: Path) -> Iterator[Opened]:
    page = Opened(browser, demo_file)
    yield page
    page.page.close()


@pytest.fixture
def at(opened: Opened) -> Iterator[Opened]:
    """The page without any condition, in which nothing goes wrong."""
    opened.preset("all")
    yield opened
    if opened.page.locator("#face").is_visible():
        opened.page.keyboard.press("Escape")
    assert opened.wrong == []


def test_all_faces_are_shown_in_the_order_of_the_manifest(at: Opened) -> None:
    assert at.page.inner_text("#count") == "10 of 10 faces"
    assert len(at.shown()) == 10
    assert at.page.inner_text("#page") == "page 1 of 1"


def test_typing_an_id_or_a_person_finds_the_faces(at: Opened) -> None:
    at.page.fill("#search", WORST)
    assert at.shown() == [WORST]
    at.page.fill("#search", "PERSON_4")
    assert set(at.shown()) == {"000008", "000009"}
    at.page.fill("#search", "nobody")
    assert at.page.inner_text("#count") == "0 of 10 faces"


def test_sorting_by_confidence_puts_the_least_sure_first(at: Opened) -> None:
    at.preset("least sure")
    assert at.shown()[0] == WORST
    assert at.page.locator("#grid .line.soft").first.inner_text() == "30.0 %"
    assert "confidence: 30.0 to 90.0" in at.page.inner_text("#spread")
    at.page.check("#down")
    assert at.shown()[-1] == WORST


def test_dropped_faces_are_found_by_their_reason(at: Opened) -> None:
    at.preset("dropped out")
    assert set(at.shown()) == {f"{TRUNCATED:06d}", f"{LOST_POINTS:06d}"}
    at.page.select_option("#state", label="reason: undecodable_image")
    assert at.shown() == [f"{TRUNCATED:06d}"]
    assert at.page.locator("#grid button").get_attribute("title") == f"{TRUNCATED:06d}", "an id may be cut short below"
    at.page.locator("#grid button").click()
    assert "undecodable_image: " in at.page.inner_text("#face-facts")
    assert at.page.inner_text("#face-none").startswith("This face has no picture")
    assert not at.page.locator("#face-region-list").is_visible()


def test_a_dropped_face_shows_the_picture_of_the_source(at: Opened) -> None:
    at.page.fill("#search", f"{LOST_POINTS:06d}")
    at.page.locator("#grid button").click()
    assert at.page.locator("#face-original").is_visible()
    assert at.page.evaluate("document.getElementById('face-original').naturalWidth") == 112


def test_faces_are_filtered_by_region_and_by_number(at: Opened) -> None:
    at.page.click("#add-region")
    row = at.page.locator("#regions-wanted .condition")
    row.get_by_label("region", exact=True).select_option(label="nose")
    row.get_by_label("how much of it").select_option("absent")
    assert at.shown() == [WORST]
    row.get_by_label("how much of it").select_option("least")
    row.get_by_label("percent of the face").fill("0.5")
    assert len(at.shown()) == 7
    at.page.click("#add-range")
    numbers = at.page.locator("#ranges-wanted .condition")
    numbers.get_by_label("number").select_option(label="confidence (%)")
    numbers.get_by_label("to", exact=True).fill("50")
    assert at.shown() == []
    row.get_by_role("button", name="remove").click()
    assert at.shown() == [WORST]


def test_splits_are_told_apart(at: Opened) -> None:
    both = []
    for split in ("train", "val"):
        at.page.select_option("#split", label=split)
        both += at.shown()
    assert len(both) == len(set(both)) == 10


def test_regions_are_toggled_faded_and_zoomed_over_a_face(at: Opened) -> None:
    at.preset("least sure")
    at.page.locator("#grid button").nth(1).click()
    at.page.wait_for_selector("#face-variants figure")
    assert at.coloured() == 112 * 112
    at.page.click("#regions-none")
    assert at.coloured() == 0
    at.page.get_by_label(re.compile(r"^\s*nose ")).check()
    assert 0 < at.coloured() < 2_000
    at.page.locator("#opacity").fill("20")
    assert at.opacity() == "0.2"
    at.page.locator("#zoom").fill("5")
    assert at.page.evaluate("document.getElementById('face-picture').style.width") == "560px"
    at.page.click("#regions-all")


def test_the_region_under_the_pointer_is_named(at: Opened) -> None:
    at.page.fill("#search", WORST)
    at.page.locator("#grid button").click()
    at.page.wait_for_selector("#face-variants figure")
    at.page.locator("#face-regions").hover(position={"x": 30, "y": 30})
    assert at.page.inner_text("#face-under") == "background"


def test_variants_stand_side_by_side(at: Opened) -> None:
    at.page.locator("#grid button").first.click()
    at.page.wait_for_selector("#face-variants figure")
    assert at.page.locator("#face-variants figure").count() == 3
    assert at.page.inner_text("#face-variants-title") == "Variants, as stored"
    at.page.keyboard.press("ArrowRight")
    at.page.wait_for_selector("#face-variants canvas")
    assert at.page.locator("#face-variants figure").count() == 3
    assert "drawn by their masks" in at.page.inner_text("#face-variants-title")


def test_all_is_reached_by_keyboard(at: Opened) -> None:
    at.page.focus("#search")
    at.page.keyboard.type("person_")
    at.page.locator("#grid button").first.focus()
    at.page.keyboard.press("ArrowRight")
    second = at.page.evaluate("document.activeElement.innerText")
    assert second.startswith(at.shown()[1])
    at.page.keyboard.press("Enter")
    assert at.page.inner_text("#face-name") == at.shown()[1]
    at.page.keyboard.press("ArrowRight")
    assert at.page.inner_text("#face-name") == at.shown()[2]
    at.page.keyboard.press("ArrowLeft")
    assert at.page.inner_text("#face-place") == "2 of 10"
    at.page.wait_for_selector("#face-variants figure")
    before = at.opacity()
    at.page.keyboard.press("r")
    assert {before, at.opacity()} > {"0"}
    at.page.keyboard.press("r")
    at.page.keyboard.press("Escape")
    assert not at.page.locator("#face").is_visible()
    assert at.page.evaluate("document.activeElement.innerText") == second


def test_a_copy_under_two_people_is_shown_and_leads_to_its_set(at: Opened) -> None:
    tags = at.page.locator("#sets .tag").all_inner_texts()
    assert tags[:2] == ["same pixels", "2 people"]
    copies = {f"{COPIED:06d}", f"{COPY:06d}"}
    assert set(at.page.locator("#sets .line:not(.soft)").all_inner_texts()) == copies
    at.page.locator("#sets button").first.click()
    at.page.get_by_role("button", name="2 duplicates").click()
    assert set(at.shown()) == copies
    assert at.page.inner_text("#only-what") == "only set 1 of duplicates"
    at.page.click("#only-not")
    assert len(at.shown()) == 10


def test_a_person_leads_to_the_faces_of_that_person(at: Opened) -> None:
    at.page.fill("#people-search", "person_2")
    at.page.locator("#people-list button").click()
    assert set(at.shown()) == {"000004", "000005"}
    assert at.page.inner_text("#only-what") == "only person_2"
    at.page.fill("#people-search", "")


def test_a_person_has_as_many_faces_as_can_be_used(at: Opened) -> None:
    assert "5 people, each with 1 to 2 usable faces here, 1.6 in the mean" in at.page.inner_text("#people-spread")
    at.page.fill("#people-search", "person_1")  # one of whose two pictures is truncated
    assert at.page.inner_text("#people-list .num") == "1"
    at.page.locator("#people-list button").click()
    assert at.shown() == ["000002"]
    at.page.fill("#people-search", "")


def test_faces_and_people_are_gathered_for_the_command_that_removes_them(at: Opened) -> None:
    page, command = at.page, at.page.locator("#removals-command")
    assert not page.locator("#removals").is_visible()
    page.fill("#search", "000002")
    page.locator("#grid button").click()
    dialog = page.locator("#face")
    dialog.get_by_role("button", name="remove this sample").click()
    dialog.get_by_role("button", name="remove this person").click()
    page.keyboard.press("Escape")
    words = shlex.split(command.input_value().replace("\\\n", " "))
    assert words == ["faceshards", "forget", "data/shards", "--sample=000002", "--person=person_1"]
    page.locator("#removals-list").get_by_role("button", name="keep").first.click()
    assert "--sample" not in command.input_value()
    page.locator("#removals-list").get_by_role("button", name="keep").click()
    assert not page.locator("#removals").is_visible()


def test_a_region_shows_its_mean_map_its_areas_and_what_it_is_seen_with(at: Opened) -> None:
    at.page.select_option("#map-region", label="nose")
    assert at.page.inner_text("#map-together-title") == "What else faces with nose show"
    assert "Shown by 7 faces, on" in at.page.inner_text("#map-together")
    assert "87.5% of them" in at.page.inner_text("#map-says")
    at.page.click("#map-faces")
    assert len(at.shown()) == 7
    at.page.select_option("#map-region", label="all regions")


def test_regions_can_be_laid_over_all_faces(at: Opened) -> None:
    assert at.page.locator("#grid canvas").count() == 0
    at.page.locator("#grid-opacity").fill("60")
    assert at.page.locator("#grid canvas").count() == 8
    at.page.locator("#grid-opacity").fill("0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out_of_a_phone_or_a_desktop(browser: Any, demo_file: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, demo_file, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    background = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
    opened.page.locator("#grid button").first.click()
    opened.page.wait_for_selector("#face-variants figure")
    assert opened.page.evaluate("document.getElementById('face').scrollWidth") <= width
    assert opened.wrong == []
    opened.page.close()


def test_names_of_any_letters_are_text(browser: Any, hostile: Build, tmp_path: Path) -> None:
    opened = Opened(browser, made(hostile, tmp_path / "report.html"))
    names = "\n".join(opened.shown())
    assert "onerror=alert(2)" in names
    assert "{{ 7 * 7 }}" in names
    assert BIDI[0] not in names
    assert opened.page.locator("#explorer script, #explorer i, #explorer svg, #grid img[onerror]").count() == 0
    opened.page.locator("#grid button").first.click()
    assert opened.page.inner_text("#face-name") == opened.shown()[0]
    opened.page.get_by_role("button", name="remove this sample").click()
    words = shlex.split(opened.page.locator("#removals-command").input_value().replace("\\\n", " "))
    assert words[3:] == [f"--sample={opened.shown()[0]}"]
    assert opened.wrong == []
    opened.page.close()


def test_a_page_without_pictures_works_with_numbers(browser: Any, demo: Build, tmp_path: Path) -> None:
    private = replace(ReportParams(), pictures=False)
    opened = Opened(browser, made(demo, tmp_path / "report.html", private))
    assert opened.shown() == [f"face {i + 1}" for i in range(10)]
    opened.page.fill("#search", "person 2")
    assert len(opened.shown()) == 2
    opened.page.locator("#grid button").first.click()
    assert "confidence" in opened.page.inner_text("#face-facts")
    assert opened.page.locator("img:visible").count() == 0
    assert opened.wrong == []
    opened.page.close()


def test_an_added_script_does_not_run(browser: Any, demo_file: Path, tmp_path: Path) -> None:
    altered = tmp_path / "report.html"
    altered.write_text(demo_file.read_text().replace("</main>", "</main><script>document.title = 'ran'</script>"))
    opened = Opened(browser, altered)
    assert opened.page.title() != "ran"
    assert any("Content Security Policy" in said for said in opened.wrong)
    opened.page.close()

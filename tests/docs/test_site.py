"""The site of the docs: its links lead somewhere, it lists what is public, and its check finds faults."""

import importlib
import re
from pathlib import Path

import pytest
from doc_blocks import ROOT

from website.contents import HOME, SECTIONS
from website.links import faults
from website.public import INTERNAL, modules

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TITLE = re.compile(r"^#+ (.+)$", re.M)


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of the titles."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _TITLE.findall(without_code(page))}


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_a_link_of_a_page_leads_to_a_file_and_a_title_of_the_repository(page: Path) -> None:
    lost = []
    for link in _LINK.findall(without_code(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_the_page_of_public_names_lists_just_what_is_public() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.+) \|$", (ROOT / "docs/api.md").read_text(), re.M)
    listed = {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}
    public = {module.name: set(module.names) for module in modules(ROOT / "pipeline")}
    public["faceshards.errors"] = set()  # "every error"
    assert listed == public


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for module in modules(ROOT / "pipeline"):
        there = importlib.import_module(module.name)
        for name in module.names:
            assert not isinstance(getattr(there, name), type) or getattr(there, name).__doc__, f"{module.name}.{name}"


def test_what_the_reference_leaves_out_is_there() -> None:
    for name, methods in INTERNAL.items():
        module, _, of = name.rpartition(".")
        assert [method for method in methods if not hasattr(getattr(importlib.import_module(module), of), method)] == []


def test_the_pages_of_the_reference_are_in_the_table_of_contents() -> None:
    listed = {page for pages in SECTIONS.values() for page in pages.values()}
    assert {module.page for module in modules(ROOT / "pipeline")} <= listed
    assert HOME not in listed


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html#here">b</a>', None),
        ('<a href="b.html#there">b</a>', "a.html: b.html#there: the page has no such anchor"),
        ('<a href="c.html">c</a>', "a.html: c.html leads nowhere"),
        ('<img src="c.png">', "a.html: loads c.png, which is not there"),
        (
            '<script src="https://a.org/x.js"></script>',
            "a.html: loads https://a.org/x.js from elsewhere",
        ),
        ('<link rel="stylesheet" href="//fonts.example.org/x">', "a.html: loads //fonts.example.org/x from elsewhere"),
    ],
)
def test_a_fault_of_the_built_site_is_found(body: str, fault: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<h2 id="here">b</h2>')
    assert list(faults(tmp_path)) == ([fault] if fault else [])

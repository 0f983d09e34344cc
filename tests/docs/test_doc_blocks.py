"""Every block of commands and programs in README.md and docs/ runs here, or says why not, or which test runs it."""

import re
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
from doc_blocks import ROOT, Block, blocks, shows
from doc_desk import OPENED, Desk
from doc_faces import build_demo_like
from doc_reader import Reader

from faceshards.cli import main
from faceshards.source.demo import render_face

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BY_PAGE = {page.relative_to(ROOT).as_posix(): blocks(page) for page in PAGES}
# A page whose programs are the test's own parameters.
ELSEWHERE = {"docs/recipes.md": "tests/examples/test_recipes.py"}
CODE = ("console", "python", "pycon")
NEEDS = {"docs/export.md": "webdataset", "docs/fserasing.md": "torchvision", "docs/loader.md": "jax"}
# Blocks that nothing runs, each with its reason in the page. One more has to be counted here.
NOT_RUN = 32


def code(page: str) -> list[Block]:
    return [block for block in BY_PAGE[page] if block.language in CODE]


def runs_here(page: str) -> bool:
    return page not in ELSEWHERE and any(block.mark is None for block in code(page))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of three people."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    for number, name in enumerate(("anna/1", "anna/2", "ben/1", "cleo/1")):
        path = folder / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(render_face(0, number // 2, number % 2, 256).image, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `dvc repro` leaves of the demo, but for its pixels."""
    return build_demo_like(tmp_path_factory.mktemp("demo") / "shards")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `faceshards init` makes."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("init") / "faces"
    done = CliRunner().invoke(main, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of webdataset, which leaves its files open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings(
    "ignore:_NoneStep.value:DeprecationWarning"
)  # of DVC's libraries, which run in this process
@pytest.mark.filterwarnings("default::DeprecationWarning")
@pytest.mark.filterwarnings(
    "ignore:This DataLoader will create 4 worker processes"
)  # this machine may have fewer cores
@pytest.mark.parametrize("page", [page for page in BY_PAGE if runs_here(page)])
def test_the_blocks_of_a_page_run_and_print_what_it_shows(
    page: str, repository: Path, faces: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if page in NEEDS and find_spec(NEEDS[page]) is None:
        pytest.skip(f"{NEEDS[page]} is not installed")
    for name in ("FACESHARDS_CACHE", "FACESHARDS_PARSERS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path, repository, faces, photos)
    OPENED.get(page, Desk.in_the_repository)(desk)
    reader = Reader(desk.instead, desk.names)
    for block in code(page):
        if block.mark:
            continue
        desk.before(block)
        reader.follow(block)


def test_what_is_not_run_is_counted_and_says_why() -> None:
    left = [block for page in BY_PAGE for block in BY_PAGE[page] if block.mark == "not run"]
    assert len(left) == NOT_RUN, "\n".join(f"{block} {block.said}" for block in left)


def test_what_another_test_runs_is_named_there() -> None:
    named = list(ELSEWHERE.items())
    named += [(page, block.said) for page in BY_PAGE for block in BY_PAGE[page] if block.mark == "run by"]
    lost = [f"{page}: {test}" for page, test in named if page not in (ROOT / test).read_text()]
    assert lost == []


def test_every_command_in_the_pages_is_in_a_block_of_console() -> None:
    astray = [
        str(block)
        for page in BY_PAGE
        for block in BY_PAGE[page]
        if not block.language and re.match(r"\$ |>>> ", block.text)
    ]
    assert astray == []


def test_a_comment_about_running_stands_right_before_a_block() -> None:
    for page, found in BY_PAGE.items():
        comments = re.findall(r"<!-- (?:not run|run by)", (ROOT / page).read_text())
        assert len(comments) == sum(block.mark is not None for block in found), page


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 12 b\n", "a 7  b\n", True),
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("a\n...\nz\n", "a\nz\n", True),
        ("a ... z\n", "a b z\n", True),
        ("a\nz\n", "a\nb\nz\n", False),
        ("a\n", "b\n", False),
        ("a\n", "a\nb\n", False),
    ],
)
def test_an_output_is_compared_but_for_numbers_and_what_is_left_out(shown: str, printed: str, same: bool) -> None:
    assert shows(shown, printed) is same

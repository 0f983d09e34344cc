"""Every block of commands and programs in README.md and docs/ runs here, or says why not, or which test runs it."""

import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from doc_blocks import ROOT, Block, blocks, shows
from doc_faces import build_demo_like
from doc_reader import Reader, dvc
from dvc_projects import git

from faceshards.cli import main
from faceshards.source.demo import render_face

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BY_PAGE = {page.relative_to(ROOT).as_posix(): blocks(page) for page in PAGES}
# A page whose programs are the test's own parameters.
ELSEWHERE = {"docs/recipes.md": "tests/examples/test_recipes.py"}
CODE = ("console", "python", "pycon")
# Blocks that nothing runs, each with its reason in the page. One more has to be counted here.
NOT_RUN = 16

runpy.run_path(str(ROOT / "tests/cpu_torchvision/sitecustomize.py"))

URL, REMOTE = "https://example.org/you/faces.git", "/mnt/lab/dvc"
TRACKED = "stages:\n  erase:\n    cmd: 'true'\n    outs: [data/shards, manifests/shards.sha256]\n"


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


class Desk:
    """Where a page is read: what lies there when it is opened, and what changes before some of its blocks.

    Args:
        here: an empty folder.
        repository: of a data set.
        faces: its shards.
        photos: of a person a folder.
    """

    def __init__(self, here: Path, repository: Path, faces: Path, photos: Path) -> None:
        self.here, self.repository, self.faces, self.photos = here, repository, faces, photos
        self.instead: dict[str, str] = {}
        self.names: dict[str, Any] = {}

    def in_the_repository(self) -> Path:
        folder = Path(shutil.copytree(self.repository, self.here / "faces", symlinks=True))
        self.stand(folder)
        return folder

    def stand(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        Reader().type(f"cd {folder}")

    def beside_photographs(self, odd: bool = False) -> None:
        """With `odd`, one more shows a wall, and one more is cut short."""
        folder = Path(shutil.copytree(self.photos, self.here / "photos"))
        if odd:
            cv2.imwrite(str(folder / "ben/2.jpg"), np.full((256, 256, 3), 127, np.uint8))
            whole = (folder / "cleo/1.jpg").read_bytes()
            (folder / "cleo/2.jpg").write_bytes(whole[: len(whole) // 2])

    def in_versions(self, *stores: dict[str, int]) -> None:
        """In a repository with a commit for each of these stores of small shards."""
        folder = self.in_the_repository()
        (folder / "dvc.yaml").write_text(TRACKED)
        (folder / "data/.work/kept").mkdir(parents=True)
        for store in stores:
            self.commit(**store)

    def commit(self, **store: int) -> None:
        folder = self.here / "faces"
        shutil.rmtree(folder / "data/shards", ignore_errors=True)
        build_demo_like(folder / "data/shards", 8, **store)
        sums = Reader().type(f"sh -c 'cd {folder}/data/shards; find . -type f | sort | xargs sha256sum'")
        (folder / "manifests/shards.sha256").write_text(sums.replace(" ./", " "))
        dvc(["commit", "--force"])
        git(folder, "add", ".")
        git(folder, "commit", "--message", "a version")


def in_a_shared_version(desk: Desk) -> None:
    desk.in_versions({})
    bare = desk.here / "faces.git"
    git(desk.here, "init", "--bare", str(bare))
    git(desk.here / "faces", "remote", "add", "origin", str(bare))
    git(desk.here / "faces", "push", "--set-upstream", "origin", "HEAD")
    desk.instead |= {URL: str(bare), REMOTE: str(desk.here / "remote")}


def with_faces_to_erase(desk: Desk) -> None:
    import torch

    desk.in_the_repository()
    desk.names |= {"image": torch.zeros(3, 112, 112, dtype=torch.uint8)}


def with_models(desk: Desk) -> None:
    """The models that docs/fscam.md speaks of, and two faces for them."""
    import torch
    from torch import nn

    def broken(images: torch.Tensor) -> torch.Tensor:
        hidden = (images == 0).flatten(1).float().mean(1) > 0.6
        return torch.where(hidden[:, None], torch.nan, images.flatten(1)[:, :6])

    flat = 3 * 112 * 112
    torch.manual_seed(0)
    desk.in_the_repository()
    desk.names |= {
        "images": torch.rand(2, 3, 112, 112),
        "regions": (torch.arange(112) * 25 // 112).to(torch.uint8)[None, :, None].expand(2, 112, 112).clone(),
        "embedding": torch.rand(10),
        "model": nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(588, 10)),
        "six": nn.Sequential(nn.Flatten(), nn.Linear(flat, 6)),
        "one": nn.Sequential(nn.Flatten(), nn.Linear(flat, 1)),
        "embed": nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(588, 512), nn.BatchNorm1d(512)),
        "broken": broken,
    }


def readme(desk: Desk) -> None:
    from torch import nn

    desk.beside_photographs()
    desk.names["model"] = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(588, 10))


OPENED: dict[str, Callable[[Desk], object]] = {
    "README.md": readme,
    "docs/dataset.md": Desk.beside_photographs,
    "docs/faces.md": lambda desk: desk.beside_photographs(odd=True),
    "docs/first-hour.md": lambda _: None,
    "docs/fscam.md": with_models,
    "docs/fserasing.md": with_faces_to_erase,
    "docs/remove.md": lambda desk: desk.in_versions({"more": 1}),
    "docs/share.md": in_a_shared_version,
    "docs/versions.md": lambda desk: desk.in_versions({}, {"more": 1}),
}
"""What lies there when a page is opened; a repository with its shards where no line is."""


def clone(desk: Desk) -> None:
    git(desk.here, "clone", "--branch", "faces-1", desk.instead[URL], str(desk.here / "clone"))
    desk.stand(desk.here / "clone")


def one_face(desk: Desk) -> None:
    desk.names |= {"regions": desk.names["regions"][0]}


def shards_alone(desk: Desk) -> None:
    shutil.copytree("data/shards", "shards")
    sums = Reader().type("sh -c 'cd shards; find . -type f | xargs sha256sum'")
    Path("shards.sha256").write_text(sums.replace(" ./", " "))


BEFORE: dict[tuple[str, str], Callable[[Desk], object]] = {
    ("docs/dataset.md", "$ faceshards verify"): shards_alone,
    ("docs/faces.md", "$ sed -i 's/landmarks"): lambda _: Path("points.csv").write_text(
        next(block.text for block in BY_PAGE["docs/faces.md"] if block.language == "csv")
    ),
    ("docs/fserasing.md", "import torch\nfrom torchvision"): one_face,
    ("docs/remove.md", "$ faceshards diff"): lambda desk: desk.commit(more=1, without=7),
    ("docs/share.md", "$ dvc pull"): clone,
    ("docs/share.md", "$ dvc get"): lambda desk: desk.stand(desk.here / "empty"),
    ("docs/share.md", "$ dvc import"): lambda desk: desk.stand(desk.here / "clone"),
}
"""What happens between two blocks, by how the second one begins."""


@pytest.mark.filterwarnings("default::DeprecationWarning")  # of DVC's libraries, which run in this process
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes")  # this machine may have fewer cores
@pytest.mark.parametrize("page", [page for page in BY_PAGE if runs_here(page)])
def test_the_blocks_of_a_page_run_and_print_what_it_shows(
    page: str, repository: Path, faces: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FACESHARDS_CACHE", "FACESHARDS_PARSERS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path, repository, faces, photos)
    OPENED.get(page, Desk.in_the_repository)(desk)
    reader = Reader(desk.instead, desk.names)
    for block in code(page):
        if block.mark:
            continue
        for (where, beginning), prepare in BEFORE.items():
            if where == page and block.text.startswith(beginning):
                prepare(desk)
        if "data/shards" in block.text and Path("params.yaml").exists() and not Path("data/shards").exists():
            shutil.copytree(faces, "data/shards")  # the demo's `dvc repro` is run by tests/integration/test_dvc.py
        reader.follow(block)


def test_what_is_not_run_is_counted_and_says_why() -> None:
    left = [block for page in BY_PAGE for block in BY_PAGE[page] if block.mark == "not run"]
    assert len(left) == NOT_RUN, "\n".join(f"{block} {block.said}" for block in left)


def test_what_another_test_runs_is_named_there() -> None:
    named = [(page, test) for page, test in ELSEWHERE.items()]
    named += [(page, block.said) for page in BY_PAGE for block in BY_PAGE[page] if block.mark == "run by"]
    lost = [f"{page}: {test}" for page, test in named if page not in (ROOT / test).read_text()]
    assert lost == []


def test_every_command_in_the_pages_is_in_a_block_of_console() -> None:
    astray = [str(block) for page in BY_PAGE for block in BY_PAGE[page] if not block.language and re.match(r"\$ |>>> ", block.text)]
    assert astray == []


def test_a_comment_about_running_stands_right_before_a_block() -> None:
    for page, found in BY_PAGE.items():
        assert (ROOT / page).read_text().count("<!-- ") == sum(block.mark is not None for block in found), page


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

"""Where a page of the docs is read: what lies there when it is opened, and what changes before some of its blocks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from doc_blocks import ROOT, Block, blocks
from doc_faces import build_demo_like
from doc_reader import Reader, dvc
from dvc_projects import git
from image_files import encode
from photo_sets import LAPA, ids, jpeg
from ruamel.yaml import YAML

URL, REMOTE = "https://example.org/you/faces.git", "/mnt/lab/dvc"
TRACKED = "stages:\n  erase:\n    cmd: 'true'\n    outs: [data/shards, manifests/shards.sha256]\n"


class Desk:
    """Where a page is read: what lies there when it is opened, and what changes before some of its blocks.

    Args:
        here: an empty folder.
        repository: of a data set.
        faces: its shards.
        photos: of a person a folder.

    Attributes:
        instead: what is typed in place of a server's address or a path of another machine.
        names: what the page's programs find there already.
        is_made: whether the shards are there as soon as a block speaks of them, as `dvc repro` leaves them.
    """

    def __init__(self, here: Path, repository: Path, faces: Path, photos: Path) -> None:
        self.here, self.repository, self.faces, self.photos = here, repository, faces, photos
        self.instead: dict[str, str] = {}
        self.names: dict[str, Any] = {}
        self.is_made = True

    def before(self, block: Block) -> None:
        """Do what happens before a block."""
        wanted = self.is_made and "data/shards" in block.text and Path("params.yaml").exists()
        if wanted and not Path("data/shards").exists():
            shutil.copytree(self.faces, "data/shards")  # tests/integration/test_dvc.py runs the demo's `dvc repro`
        for (page, beginning), prepare in BEFORE.items():
            if block.page == page and block.text.startswith(beginning):
                prepare(self)

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
    desk.is_made = False
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


def beside_labelled_photographs(desk: Desk) -> None:
    """Twelve rendered faces with masks in LaPa's numbers, and a run of training that is done in two steps."""
    desk.stand(desk.here)
    for folder in ("labelled/images", "theirs"):
        Path(folder).mkdir(parents=True)
    for i in range(12):
        Path(f"labelled/images/a{i:02}.jpg").write_bytes(jpeg(i))
        Path(f"theirs/a{i:02}.png").write_bytes(encode(ids(i, LAPA)))
    page = next(block.text for block in blocks(ROOT / "docs/train-parser.md") if block.language == "yaml")
    content = YAML(typ="safe").load(page)
    content["train"] |= {"network": "unet", "width": 0.0625, "steps": 2, "batch_size": 2, "precision": "fp32"}
    YAML(typ="safe").dump(content, Path("train.yaml"))


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
    "docs/train-parser.md": beside_labelled_photographs,
    "docs/versions.md": lambda desk: desk.in_versions({}, {"more": 1}),
}
"""What lies there when a page is opened; a repository with its shards where no line is."""


def clone(desk: Desk) -> None:
    git(desk.here, "clone", "--branch", "faces-1", desk.instead[URL], str(desk.here / "clone"))
    desk.stand(desk.here / "clone")


def one_face(desk: Desk) -> None:
    desk.names |= {"regions": desk.names["regions"][0]}


def damage(_: Desk) -> None:
    path = Path("data/shards/train.zarr/image/c.0.0.0.0")
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)


def shards_alone(_: Desk) -> None:
    shutil.copytree("data/shards", "shards")
    sums = Reader().type("sh -c 'cd shards; find . -type f | xargs sha256sum'")
    Path("shards.sha256").write_text(sums.replace(" ./", " "))


BEFORE: dict[tuple[str, str], Callable[[Desk], object]] = {
    ("docs/dataset.md", "$ faceshards verify"): shards_alone,
    ("docs/faces.md", "$ sed -i 's/landmarks"): lambda _: Path("points.csv").write_text(
        next(block.text for block in blocks(ROOT / "docs/faces.md") if block.language == "csv")
    ),
    ("docs/fserasing.md", "import torch\nfrom torchvision"): one_face,
    ("docs/remove.md", "$ faceshards diff"): lambda desk: desk.commit(more=1, without=7),
    ("docs/share.md", "$ dvc pull"): clone,
    ("docs/share.md", "$ dvc get"): lambda desk: desk.stand(desk.here / "empty"),
    ("docs/share.md", "$ dvc import"): lambda desk: desk.stand(desk.here / "clone"),
    ("docs/troubleshooting.md", "$ faceshards verify"): damage,
}
"""What happens between two blocks, by how the second one begins."""

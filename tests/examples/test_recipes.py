"""The programs of docs/recipes.md: each runs as printed, and prints what the page shows but for the numbers."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from forked import run_with_torch
from page_programs import Program, programs
from stores import arrays_of, build_faces, face_spec

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/recipes.md"
RECIPES = programs(PAGE)
LAUNCHERS = {"python": [], "torchrun": ["-m", "torch.distributed.run"]}
NEEDS = {
    "lightning_trainer.py": "lightning",
    "accelerate_trainer.py": "accelerate",
    "huggingface_trainer.py": "transformers",
    "torchdata_loaders.py": "torchdata",
    "jax_trainer.py": "jax",
}
NUMBER = re.compile(r"\d+(\.\d+)?(e-?\d+)?")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many faces as the demo has, and as large; they are noise."""
    folder = tmp_path_factory.mktemp("recipes") / "data"
    build_faces(folder / "work", folder / "shards", face_spec({"train": 76, "val": 20}, 32, 8, arrays_of(112)))
    return folder


def run(recipe: Program, folder: Path) -> str:
    (folder / recipe.file).write_text(recipe.source)
    launcher, *words = recipe.command.split()
    done = run_with_torch(*LAUNCHERS[launcher], *words, folder=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr
    return done.stdout


def form(output: str) -> str:
    """An output without its numbers, which are those of other faces here."""
    return NUMBER.sub("N", output)


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.file for recipe in RECIPES])
def test_a_recipe_prints_what_the_page_shows(recipe: Program, data: Path, tmp_path: Path) -> None:
    if (needed := NEEDS.get(recipe.file)) and not find_spec(needed):
        pytest.skip(f"{needed} is not installed")
    (tmp_path / "data").symlink_to(data)
    assert form(run(recipe, tmp_path)) == form(recipe.output)


def test_the_page_has_a_recipe_for_every_trainer() -> None:
    assert [recipe.file for recipe in RECIPES] == [
        "plain_torch.py",
        "lightning_trainer.py",
        "accelerate_trainer.py",
        "huggingface_trainer.py",
        "ddp.py",
        "torchdata_loaders.py",
        "jax_trainer.py",
        "nearest_mean.py",
        "own_reader.py",
    ]


def test_every_program_of_the_page_is_followed_by_its_command_and_output() -> None:
    assert len(RECIPES) == PAGE.read_text().count("```python") == PAGE.read_text().count("```console")
    assert [recipe.file for recipe in RECIPES if not recipe.output.strip()] == []


def test_the_plain_program_goes_on_where_it_was_stopped(data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(data)
    recipe = RECIPES[0]
    stopped = recipe._replace(source=recipe.source.replace("EPOCHS = 3", "EPOCHS = 1"))
    assert form(run(stopped, tmp_path) + run(recipe, tmp_path)) == form(recipe.output)

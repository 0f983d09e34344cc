"""A stage is rebuilt when what it uses changes, and by nothing else: `dvc.yaml` against the code's own imports."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

from faceshards.build.params import Params


@pytest.fixture(scope="module")
def pipeline(root: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"]


def stage_names(root: Path = Path(__file__).parents[2]) -> list[str]:
    return list(YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"])


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("faceshards", "stages", cache_dir=None)


def modules_of(entry: str, imports: grimp.ImportGraph, root: Path) -> set[str]:
    """Files of a module and of all that it imports; a package's own face counts when it has content."""
    names = {entry} | imports.find_upstream_modules(entry)
    files = {_file(root, name) for name in names}
    return {file.as_posix() for file in files if (root / file).stat().st_size}


def _code(root: Path, dep: str) -> set[str]:
    """The modules that a dep names: itself, or all in a folder of code."""
    path = root / dep
    files = path.rglob("*.py") if path.is_dir() else [path] if path.suffix == ".py" else []
    return {file.relative_to(root).as_posix() for file in files if file.stat().st_size}


def _file(root: Path, name: str) -> Path:
    base = Path("pipeline") if name.startswith("faceshards") else Path()
    path = base.joinpath(*name.split("."))
    return path / "__init__.py" if (root / path).is_dir() else path.with_suffix(".py")


@pytest.mark.parametrize("stage", stage_names())
def test_a_stage_depends_on_exactly_the_modules_that_it_imports(
    stage: str, pipeline: dict[str, Any], imports: grimp.ImportGraph, root: Path
) -> None:
    listed = {file for dep in pipeline[stage]["deps"] for file in _code(root, dep)}
    used = modules_of(f"stages.{stage}", imports, root)
    assert listed == used, "in `deps`, as files or whole folders:\n" + "\n".join(sorted(used))


def test_training_depends_on_exactly_the_modules_that_it_imports(imports: grimp.ImportGraph, root: Path) -> None:
    training = YAML(typ="safe", pure=True).load(root / "stages/train/dvc.yaml")["stages"]["train"]
    listed = {file for dep in training["deps"] for file in _code(root, dep)}
    used = modules_of("faceshards.build.train", imports, root)
    assert listed == used, "in `deps`, as files or whole folders:\n" + "\n".join(sorted(used))


@pytest.mark.parametrize("stage", stage_names())
def test_a_stage_declares_exactly_the_params_that_its_command_reads(
    stage: str, pipeline: dict[str, Any], root: Path
) -> None:
    read = set(re.findall(r"params\.(\w+)", (root / "stages" / f"{stage}.py").read_text())) - {"run"}
    assert set(pipeline[stage].get("params", [])) == read
    assert read <= {field.name for field in fields(Params)}


def test_every_stage_has_a_command_that_explains_itself(pipeline: dict[str, Any], root: Path) -> None:
    for stage, definition in pipeline.items():
        assert definition["cmd"] == f"python -m stages.{stage}"
        assert definition["desc"]
        assert (root / "stages" / f"{stage}.py").is_file()


def test_data_that_a_stage_reads_is_what_an_earlier_one_writes(pipeline: dict[str, Any]) -> None:
    written: set[str] = set()
    for definition in pipeline.values():
        read = {dep for dep in definition["deps"] if dep.startswith(("data/", "reports/"))}
        assert read <= written
        written |= {out if isinstance(out, str) else next(iter(out)) for out in definition["outs"]}
        written |= {next(iter(metric)) for metric in definition.get("metrics", [])}

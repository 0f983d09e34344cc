"""`dvc.yaml` is the table of contents: what each stage reads, by which command, with which params."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from faceshards.build.lockfile import STAGES
from faceshards.build.params import Params, ParseParams, load_params

LONGEST = 150


@pytest.fixture(scope="module")
def pipeline(root: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"]


def stage_names(root: Path = Path(__file__).parents[2]) -> list[str]:
    return list(YAML(typ="safe", pure=True).load(root / "dvc.yaml")["stages"])


def outs(definition: dict[str, Any]) -> set[str]:
    listed = [*definition["outs"], *definition.get("metrics", [])]
    return {out if isinstance(out, str) else next(iter(out)) for out in listed}


def test_dvc_yaml_is_short_and_names_no_module(root: Path) -> None:
    for file in (root / "dvc.yaml", root / "stages/train/dvc.yaml"):
        text = file.read_text()
        assert len(text.splitlines()) < LONGEST
        assert ".py\n" not in text


def sections(definition: dict[str, Any]) -> set[str]:
    """The keys of params.yaml that a stage declares."""
    return {param for param in definition.get("params", []) if isinstance(param, str)}


@pytest.mark.parametrize("stage", stage_names())
def test_a_stage_depends_on_the_digest_of_its_code(stage: str, pipeline: dict[str, Any]) -> None:
    locks = [param for param in pipeline[stage].get("params", []) if isinstance(param, dict)]
    assert locks == ([] if stage == "code" else [{"faceshards.lock": [f"stages.{stage}"]}])


def test_the_stages_of_the_lock_are_those_of_dvc_yaml() -> None:
    assert ["code", *STAGES] == stage_names()


def test_training_depends_on_its_list_of_code(root: Path) -> None:
    stages = YAML(typ="safe", pure=True).load(root / "stages/train/dvc.yaml")["stages"]
    assert stages["code"]["cmd"].endswith("faceshards stage code train --out stages/train/code")
    assert stages["train"]["deps"] == ["code/train"]
    assert stages["train"]["always_changed"] is True, "faces and lists that its params name are no deps"
    assert (root / "stages/train" / stages["code"]["deps"][0]).resolve() == root / "pipeline/faceshards"


@pytest.mark.parametrize("stage", [name for name in stage_names() if name != "code"])
def test_a_stage_declares_exactly_the_params_that_its_command_reads(
    stage: str, pipeline: dict[str, Any], root: Path
) -> None:
    command = (root / "pipeline/faceshards/stages" / f"{stage}.py").read_text()
    if stage == "inputs":
        command = (root / "pipeline/faceshards/build/inputs.py").read_text()
    read = set(re.findall(r"params\.(\w+)", command)) - {"run"}
    if "paths" in read:
        read = read - {"paths"} | {param.partition(".")[0] for param in load_params(root / "params.yaml").paths}
    assert {param.partition(".")[0] for param in sections(pipeline[stage])} == read
    assert read <= {field.name for field in fields(Params)}


def test_the_params_of_a_section_that_two_stages_share_are_all_declared(pipeline: dict[str, Any]) -> None:
    parse, erase = (
        {param.partition(".")[2] for param in sections(pipeline[stage]) if param.startswith("parse.")}
        for stage in ("parse", "erase")
    )
    assert erase == {"min_confidence"}
    # That a licence is accepted changes no face: only the stage `inputs`, which downloads, reads it.
    assert parse == {field.name for field in fields(ParseParams)} - erase - {"accept_licence"}


def test_every_stage_has_a_command_that_explains_itself(pipeline: dict[str, Any], root: Path) -> None:
    for stage, definition in pipeline.items():
        assert definition["cmd"] == f"faceshards stage {stage}"
        assert definition["desc"]
        assert (root / "pipeline/faceshards/stages" / f"{stage}.py").is_file()


def test_data_that_a_stage_reads_is_what_an_earlier_one_writes(pipeline: dict[str, Any]) -> None:
    written: set[str] = set()
    for definition in pipeline.values():
        read = {dep for dep in definition.get("deps", []) if dep.startswith(("data/", "reports/", "manifests/inputs"))}
        assert read <= written
        written |= outs(definition)

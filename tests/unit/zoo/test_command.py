"""`faceshards parsers`."""

import json
import re
from pathlib import Path

import pytest
from adapters import ColourNetwork, describe, write_torchscript
from click.testing import CliRunner, Result
from file_server import FileServer

from faceshards.cli import main
from faceshards.zoo.catalogue import zoo


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["parsers", *arguments])


def test_it_lists_the_zoo_with_classes_licence_size_and_whether_it_was_run() -> None:
    head, *rows = run().output.splitlines()
    assert head.split() == ["name", "classes", "input", "size", "licence", "to", "accept", "here", "run", "by", "us"]
    assert [row.split()[0] for row in rows] == list(zoo())
    listed = {name: row.split() for name, row in zip(zoo(), rows, strict=True)}
    assert listed["zoo/segformer-celebamask.yaml"][1:] == (
        ["19", "512x512", "340", "MB", "SegFormer+CelebAMask-HQ", "no", "not", "run", "(2026-11-27)"]
    )
    said = {parser["name"]: parser for parser in json.loads(run("--json").output)["parsers"]}
    assert [*said] == list(zoo())
    assert said["zoo/segformer-celebamask.yaml"]["licence to accept"] == "SegFormer+CelebAMask-HQ"


def test_it_shows_what_each_class_becomes_and_all_that_is_known() -> None:
    shown = " ".join(run("show", "zoo/farl-lapa.yaml").output.split())
    for said in (
        "https://github.com/FacePerceiver/facer",
        "unknown: pinned when it is first used",
        "not run",
        "non-commercial research only",
        "by five points, tanh-warped by 0.8",
        "0 background, 1 skin, 2 brow, 3 brow, 4 eye, 5 eye, 6 nose, 7 upper_lip, 8 mouth, 9 lower_lip, 10 hair",
    ):
        assert said in shown


def test_json_is_of_the_list_alone() -> None:
    refused = CliRunner().invoke(main, ["parsers", "--json", "show", "zoo/farl-celebm.yaml"])
    assert refused.exit_code == 2
    assert "--json is for the list" in refused.output


def test_its_help_has_an_example() -> None:
    assert "$ faceshards parsers get zoo/bisenet-resnet18.yaml --accept-licence CelebAMask-HQ" in run("-h").output


@pytest.mark.parametrize(("classes", "said"), [(25, "run: it gives the classes"), (24, "the network gives 24")])
def test_it_gets_a_network_and_runs_it_once(tmp_path: Path, kept: Path, classes: int, said: str) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(classes))
    with FileServer((tmp_path / "net.ts").read_bytes()) as server:
        path = str(describe(tmp_path, url=server.url("net.ts"), classes="regions25"))
        done = run("get", path)
    assert re.search(rf"{kept}/parser-[0-9a-f]{{8}}/net\.ts, SHA-256", done.output)
    assert "pinned in manifests/parsers.yaml, which is to be committed" in done.output
    assert said in done.output
    assert done.exit_code == (classes == 24)


def test_an_unaccepted_licence_is_one_message_and_exit_status_1() -> None:
    done = run("get", "zoo/farl-lapa.yaml")
    assert done.exit_code == 1
    assert done.output.startswith("Error: zoo/farl-lapa.yaml is under LaPa.")

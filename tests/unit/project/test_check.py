"""`faceshards check` says what each stage would do, and names what is wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from dvc_projects import edit

from faceshards.build.forget import REMOVED
from faceshards.cli import main
from faceshards.cli.forget import forget
from faceshards.errors import ParamsError
from faceshards.project.check import check


def test_check_says_what_each_stage_would_do(inside: Path) -> None:
    found = check(Path("params.yaml"))
    assert found.problems == ()
    assert found.stages["download"] == "96 rendered pictures of 24 people, from manifests/demo.yaml"
    assert list(found.stages) == ["download", "plan", "align", "parse", "erase", "verify", "report"]
    assert found.stages["report"] == "a page on all of it, with 24 faces in its gallery"
    assert not (inside / "data").exists()
    edit(inside / "params.yaml", "  pictures: true", "  pictures: false")
    assert check(Path("params.yaml")).stages["report"] == "a page of numbers, without pictures and names"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  path: manifests/demo.yaml", "  path: nowhere", "source.path: expected a file or a folder at nowhere"),
        (
            "  path: manifests/demo.yaml",
            "  path: manifests/facesynthetics-100.yaml",
            "source.accept_licence: R-UDA-1.0",
        ),
        ("  path: manifests/demo.yaml", "  path: reports", "expected one of"),
        ("  landmarks: null", "  landmarks: points.csv", "source.landmarks: expected a file or a folder at points.csv"),
        ("  earlier: null", "  earlier: old.parquet", "plan.earlier: expected a file or a folder at old.parquet"),
        ("  earlier: null", "  earlier: params.yaml", "plan.earlier: params.yaml: expected the manifest of an earlier"),
        ("  remove: null", "  remove: params.yaml", "params.yaml"),
        ("  remove: null", "  remove: reports", "plan.remove: reports: expected a list of faces and people"),
        (
            "  names_key: null",
            "  names_key: manifests/.gitignore",
            "names_key: manifests/.gitignore: expected a key of 32",
        ),
        ("  weights: bundled", "  weights: w.safetensors", "parse.weights: expected a file at w.safetensors"),
        ("  weights: bundled", "  weights: reports", "parse.weights: expected a file at reports; found a folder there"),
        ("  weights: bundled", "  weights: zoo/nobody.yaml", "nobody"),
        ("  detector: auto", "  detector: yunet", "align.yunet_model"),
        ("  yunet_model: null", "  yunet_model: params.yaml", "detector 'mesh' brings its own model"),
    ],
)
def test_check_names_what_is_wrong(old: str, new: str, message: str, inside: Path) -> None:
    edit(inside / "params.yaml", old, new)
    assert message in "\n".join(check(Path("params.yaml")).problems)


def test_check_names_a_gpu_that_is_not_here(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    edit(inside / "params.yaml", "  device: auto", "  device: cuda")
    found = check(Path("params.yaml"))
    assert "expected a CUDA device" in found.problems[0]
    assert found.stages["parse"] == "by the bundled network, on cuda, which is not here"


def test_a_share_is_told_as_it_was_set(inside: Path) -> None:
    edit(inside / "params.yaml", "  max_skipped: 0.2", "  max_skipped: 0.005")
    assert "fails where more than 0.5% drop out" in check(Path("params.yaml")).stages["align"]


def test_check_names_a_list_of_removals_that_the_params_do_not(inside: Path) -> None:
    (inside / REMOVED).write_text("person: ann\n")
    assert any(option.default == REMOVED for option in forget.params)
    assert "plan.remove: expected manifests/removed.txt" in "\n".join(check(Path("params.yaml")).problems)
    edit(inside / "params.yaml", "  remove: null", f"  remove: {REMOVED}")
    assert check(Path("params.yaml")).problems == ()


def test_check_tells_all_problems_at_once_and_exits_with_1(inside: Path) -> None:
    edit(inside / "params.yaml", "  path: manifests/demo.yaml", "  path: nowhere")
    edit(inside / "params.yaml", "  weights: bundled", "  weights: w.safetensors")
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 1
    assert "nowhere" in done.output
    assert "w.safetensors" in done.output
    done = CliRunner().invoke(main, ["check", "--json"])
    said = json.loads(done.output)
    assert (done.exit_code, said["ok"], len(said["problems"])) == (1, False, 2)
    assert said["stages"]["download"] == "cannot find the faces, from nowhere"
    edit(inside / "params.yaml", "  path: nowhere", "  path: null")
    with pytest.raises(ParamsError, match=r"source\.path: Input should be a valid string; found None"):
        check(Path("params.yaml"))


def test_params_that_do_not_fit_are_a_problem_in_json_as_well(inside: Path) -> None:
    edit(inside / "params.yaml", "  variants: 4", "  variants: many")
    done = CliRunner().invoke(main, ["check", "--json"])
    said = json.loads(done.output)
    assert (done.exit_code, said["ok"], said["stages"]) == (1, False, {})
    assert "erase.variants" in said["problems"][0]

"""The command `faceshards`, as a person types it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_pipeline import RECIPE

from faceshards.build.train import _sample_ids
from faceshards.cli import main
from faceshards.parsing.weights import load_weights
from faceshards.source.open import open_source


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_every_command_explains_itself() -> None:
    code, text = run("--help")
    assert code == 0
    for command in main.commands:
        assert re.search(rf"^  {command} +\S", text, re.M)
        assert run(command, "--help")[0] == 0


def test_info_says_what_a_store_holds_and_its_snippet_runs(small_run: Path) -> None:
    code, text = run("info", small_run / "shards")
    assert code == 0
    assert "10 faces" in text
    lines = text.split("Read a batch:\n")[1].splitlines()
    exec("\n".join(line[2:] for line in lines).replace("32, ", "4, "), {})


@pytest.mark.parametrize("store", ["aligned", "parsed"])
def test_info_s_snippet_reads_what_the_stores_between_the_stages_hold(small_run: Path, store: str) -> None:
    code, text = run("info", small_run / store)
    assert code == 0
    exec("\n".join(line[2:] for line in text.split("Read a batch:\n")[1].splitlines()), {})


def test_demo_renders_into_a_new_folder_and_says_how_to_use_it(tmp_path: Path) -> None:
    out = tmp_path / "new/faces.zip"
    code, text = run("demo", out, "--identities", 1, "--views", 2)
    assert code == 0
    assert text == f"{out}: 2 faces; use it with `source.path: {out}` in params.yaml\n"
    assert len(open_source(out)) == 2


def test_demo_writes_over_no_zip_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"mine")
    code, text = run("demo", tmp_path / "photos.zip", "--identities", 1, "--views", 1)
    assert code == 1
    assert "photos.zip: expected nothing there; delete it, or name another file" in text
    assert (tmp_path / "photos.zip").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "wrong", [["faces"], ["a.zip", "--identities", 0], ["a.zip", "--views", -1], ["a.zip", "--seed", -1]]
)
def test_demo_refuses_what_it_cannot_make(wrong: list[object], tmp_path: Path) -> None:
    code, text = run("demo", tmp_path / str(wrong[0]), *wrong[1:])
    assert code == 2
    assert not list(tmp_path.iterdir())
    assert ".zip" in text or "range" in text


def test_verify_against_a_name_longer_than_a_file_can_have_says_so(small_run: Path) -> None:
    code, text = run("verify", small_run / "shards", "--against", "a" * 300)
    assert code == 2
    assert "is no file" in text


def test_verify_against_a_list_that_is_not_there_says_so(small_run: Path, tmp_path: Path) -> None:
    code, text = run("verify", small_run / "shards", "--against", tmp_path / "nothing")
    assert code == 2
    assert "nothing is no file" in text


def test_verify_passes_a_sound_store_and_lists_the_damage_of_another(small_run: Path, tmp_path: Path) -> None:
    assert run("verify", small_run / "shards")[0] == 0
    damaged = tmp_path / "shards"
    for path in (small_run / "shards").rglob("*"):
        if path.is_file():
            target = damaged / path.relative_to(small_run / "shards")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    shard = next((damaged / "train.zarr/image").glob("c.*"))
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    code, text = run("verify", damaged)
    assert code == 1
    assert shard.relative_to(damaged).as_posix() in text


@pytest.mark.parametrize("command", ["info", "verify"])
def test_a_folder_that_is_no_store_is_answered_with_what_is_missing(command: str, tmp_path: Path) -> None:
    code, text = run(command, tmp_path)
    assert code == 1
    assert "dataset.json" in text
    assert "Traceback" not in text


def test_train_makes_weights_that_load_from_a_params_file(tmp_path: Path) -> None:
    (tmp_path / "faces.yaml").write_text(RECIPE)
    (tmp_path / "train.yaml").write_text(
        f"""
sources:
  - {{label: demo, path: {tmp_path / "faces.yaml"}}}
train: {{width: 0.0625, steps: 2, batch_size: 2, validate_every: 1, precision: fp32, device: cpu}}
"""
    )
    code, text = run("train", "--params", tmp_path / "train.yaml", "--out", tmp_path / "out")
    assert code == 0, text
    assert load_weights(tmp_path / "out/weights.safetensors").metadata["steps"] == "2"


def test_ids_of_validation_faces_are_lines_for_names_have_spaces(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\ufeffAnn Example/1\n\n  b/2\r\nc\u3000\n\u00a0d\n")
    assert _sample_ids(tmp_path / "ids.txt") == {"Ann Example/1", "b/2", "c\u3000", "\u00a0d"}


def test_sources_to_train_on_have_labels_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("sources: [{label: a, path: x}, {label: a, path: y}]\ntrain: {}\n")
    code, text = run("train", "--params", tmp_path / "train.yaml", "--out", tmp_path / "out")
    assert code == 1
    assert "found 'a' twice" in text


def test_train_names_what_is_wrong_with_its_params(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("sources: []\ntrain: {stepps: 1}\n")
    code, text = run("train", "--params", tmp_path / "train.yaml", "--out", tmp_path / "out")
    assert code == 1
    assert "train.stepps" in text

"""The files of a plan, the stage that writes them, and what it refuses."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from frame_files import write_folder
from image_files import encode, noise
from plans import SHARES, Face, planned

from faceshards.build.planfile import Plan
from faceshards.errors import SourceNotFoundError
from faceshards.stages.download import main as download
from faceshards.stages.plan import main as plan_stage

PARAMS = """
source: {{path: people, landmarks: landmarks.csv}}
plan: {{seed: 0, splits: {{train: 1.0}}, earlier: {earlier}, remove: {remove}}}
"""


def rest_of_params(root: Path) -> str:
    """The sections that the two stages do not read."""
    return "align:" + (root / "params.yaml").read_text().partition("\nalign:")[2]


@pytest.fixture
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three people, one of whose images lies under the name of another as well."""
    images = {
        f"{who}/{i}.png": encode(noise(seed=3 * n + i)) for n, who in enumerate(("ann", "bob", "cy")) for i in (0, 1)
    }
    write_folder(tmp_path / "people", images | {"bob/copy.png": images["ann/0.png"]})
    for name in ("landmarks.csv", "facesynthetics_sha256.parquet"):
        (tmp_path / "manifests").mkdir(exist_ok=True)
        (tmp_path / "manifests" / name).write_bytes((root / "manifests" / name).read_bytes())
    (tmp_path / "landmarks.csv").write_bytes((root / "manifests/landmarks.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(project: Path, root: Path, earlier: str = "null", remove: str = "null") -> tuple[int, str]:
    (project / "params.yaml").write_text(PARAMS.format(earlier=earlier, remove=remove) + rest_of_params(root))
    assert CliRunner().invoke(download, []).exit_code == 0
    result = CliRunner().invoke(plan_stage, [])
    return result.exit_code, result.output


def test_the_stage_writes_the_plan_and_its_metrics_and_says_what_to_look_at(project: Path, root: Path) -> None:
    Path("removed.txt").write_text("person: cy\nperson: nobody\n")
    code, text = run(project, root, remove="removed.txt")
    assert code == 0
    assert "plan: plan.remove: `person: nobody` names no face of the source" in text
    assert "ann/0 = bob/copy: under ann and bob in train" in text
    assert Plan.open(Path("data/plan")).faces("train", 0, 9)["identity"].to_pylist().count(0) == 2
    metrics = json.loads(Path("reports/metrics/plan.json").read_text())
    assert (metrics["faces"], metrics["placed"], metrics["removed"]) == (7, 5, 2)
    assert metrics["splits"] == {"train": {"rows": 5, "faces": 5, "holes": 0, "people": 2}}
    assert metrics["duplicates"]["across_people"] == 1


def test_a_manifest_that_the_pipeline_makes_anew_is_no_earlier_version(project: Path, root: Path) -> None:
    store = project / "data/shards"
    store.mkdir(parents=True)
    (store / "dataset.json").write_text("{}")
    (store / "manifest.parquet").write_text("")
    code, text = run(project, root, earlier="data/shards/manifest.parquet")
    assert code == 1
    assert "belongs to a store that this pipeline makes anew; copy it" in text.replace("\n", " ")


@pytest.mark.parametrize("param", ["earlier", "remove"])
def test_a_file_that_is_not_there_is_named_with_its_param(project: Path, root: Path, param: str) -> None:
    code, text = run(project, root, **{param: "missing.file"})
    assert code == 1
    assert f"plan.{param}: expected a file at missing.file; found none" in text


def test_before_the_stage_has_run_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="run the stage plan first"):
        Plan.open(tmp_path)


def test_a_plan_travels_as_a_path_and_is_opened_where_it_arrives(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path, [Face(f"{i:04d}", f"p{i % 99}") for i in range(3000)], splits=SHARES)
    plan.faces("train", 0, 100)
    sent = pickle.dumps(plan)
    assert len(sent) < 1000
    code = "import pickle, sys; plan = pickle.load(sys.stdin.buffer); print(*plan.faces('train', 7, 9)['sample_id'])"
    ran = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    assert ran.stdout.decode().split() == plan.faces("train", 7, 9)["sample_id"].to_pylist()


def test_a_plan_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    first, _ = planned(tmp_path, [Face(f"{i:04d}") for i in range(30)])
    assert first.faces("train", 0, 30).num_rows == 30
    second, _ = planned(tmp_path, [Face(f"x{i}") for i in range(20)])
    assert all(name.startswith("x") for name in second.faces("train", 0, 30)["sample_id"].to_pylist())


def test_more_faces_than_one_batch_of_the_file_holds_are_found_all_the_same(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path, [Face(f"{i:06d}", f"p{i % 999}") for i in range(140_000)], splits={"a": 0.9, "b": 0.1})
    seen = []
    for split, of in plan.splits.items():
        start = of.rows // 2 - 5
        assert plan.faces(split, start, start + 10)["row"].to_pylist() == list(range(start, start + 10))
        seen.append(plan.faces(split, 0, of.rows)["source_index"].to_numpy())
    assert np.array_equal(np.sort(np.concatenate(seen)), np.arange(140_000))

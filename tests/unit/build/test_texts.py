"""What a data set tells about itself reaches people, Croissant's own library, `datasets` and readers of Parquet."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from small_stores import ERASE, RUN, STORE

from faceshards.build.card import documents
from faceshards.build.erase import erase_faces
from faceshards.build.params import DatasetParams
from faceshards.cli import main
from faceshards.export.huggingface import export_huggingface
from faceshards.regions import REGION_NAMES
from faceshards.store.reader import Store

# mlcroissant uses what rdflib and pandas deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ABOUT = DatasetParams(
    name="lab-faces",
    title="Faces of the lab",
    description='Portraits of "our own" people: 2026 <b>& later</b>.',
    licence="CC-BY-4.0",
    citation="@misc{lab2026, title={Faces of the lab}}",
    homepage="https://example.org/faces",
    version="1.2.0",
)


@pytest.fixture(scope="module")
def store(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("told") / "shards"
    erase_faces(small_run / "aligned", small_run / "parsed", out, ERASE, STORE, RUN, dataset=ABOUT)
    return out


def test_dataset_json_the_manifest_and_the_zarr_groups_hold_it(store: Path) -> None:
    info = Store.open(store).info
    assert (info["name"], info["licence"]) == ("lab-faces", "CC-BY-4.0")
    assert info["about"]["homepage"] == "https://example.org/faces"
    told = json.loads(pq.read_schema(store / "manifest.parquet").metadata[b"faceshards.dataset"])
    assert told == {"name": info["name"], "licence": info["licence"], **info["about"]}
    group = json.loads((store / "train.zarr/zarr.json").read_text())
    assert group["attributes"]["licence"] == "CC-BY-4.0"


def _card_with(store: Path, **parse: str) -> str:
    info = Store.open(store).info
    provenance = {**info["provenance"], "parse": {**info["provenance"]["parse"], **parse}}
    return documents({**info, "provenance": provenance})["README.md"]


def test_the_card_tells_the_licence_of_the_weights_that_found_the_regions(store: Path) -> None:
    card = (store / "README.md").read_text()
    assert " on cpu.\nThese weights are under R-UDA-1.0 and CelebAMask-HQ: non-commercial research only. Var" in card
    assert "calibrated" not in card
    assert "\nThese weights are under a licence that is not stated. Var" in _card_with(
        store, weights_licence="not stated"
    )


def test_the_card_tells_where_a_published_parser_comes_from_and_under_what_terms(store: Path) -> None:
    card = _card_with(store, weights_from="https://host/net.onnx", weights_licence="LaPa: Research.")
    assert " on cpu.\nThese weights are from https://host/net.onnx under LaPa: Research. Var" in card


def test_the_card_tells_that_nobody_calibrated_the_weights(store: Path) -> None:
    assert "\nNobody has calibrated them: " in _card_with(store, temperature="not calibrated")


def test_the_card_and_the_command_info_begin_with_its_title(store: Path) -> None:
    card = (store / "README.md").read_text()
    assert card.startswith(f"# Faces of the lab\n\n{ABOUT.description}\n")
    assert (
        "Licence of the images: CC-BY-4.0\n\nVersion: 1.2.0\n\nHomepage: https://example.org/faces\n\nCite as: @misc"
        in card
    )
    assert CliRunner().invoke(main, ["info", str(store)]).output.startswith("\nFaces of the lab: ")


def test_without_it_the_source_s_name_and_licence_stand(small_run: Path) -> None:
    info = Store.open(small_run / "shards").info
    assert info["licence"] == "MIT"
    assert info["about"] == {}
    assert (small_run / "shards/README.md").read_text().startswith(f"# {info['name']}\n")


def test_croissant_s_own_library_finds_no_error_and_no_warning_but_the_missing_date(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        metadata = mlcroissant.Dataset(jsonld=str(store / "croissant.json")).metadata
    said = [line for record in caplog.records for line in record.getMessage().splitlines() if line.startswith("  -")]
    assert [line for line in said if "datePublished" not in line] == []
    assert metadata.name == "lab-faces"
    assert metadata.license == ["https://spdx.org/licenses/CC-BY-4.0.html"]
    assert metadata.cite_as == ABOUT.citation


def test_croissant_s_records_are_the_manifest_s_rows(store: Path) -> None:
    def records(name: str) -> list[dict[str, Any]]:
        dataset = mlcroissant.Dataset(jsonld=str(store / "croissant.json"))
        return [
            {key: value.decode() if isinstance(value, bytes) else value for key, value in record.items()}
            for record in dataset.records(name)
        ]

    columns = ["sample_id", "split", "row", "identity", "identity_name", "status", "reason"]
    rows = pq.read_table(store / "manifest.parquet", columns=columns).to_pylist()
    assert records("faces") == [{f"faces/{name}": value for name, value in row.items()} for row in rows]
    assert [record["splits/name"] for record in records("splits")] == ["train", "val"]
    assert [record["regions/name"] for record in records("regions")] == list(REGION_NAMES)


def test_croissant_names_the_files_of_every_array(store: Path) -> None:
    described = json.loads((store / "croissant.json").read_text())["distribution"]
    sets = {entry["@id"]: entry["includes"] for entry in described if entry["@type"] == "cr:FileSet"}
    info = Store.open(store).info
    assert set(sets) == {f"{split}-{array}" for split in info["splits"] for array in info["arrays"]}
    for files in sets.values():
        assert any(path.is_file() for path in store.glob(files.replace("**", "**/*")))


def test_the_hub_gets_its_own_id_of_a_licence_and_people_as_class_labels(store: Path, tmp_path: Path) -> None:
    export_huggingface(Store.open(store), tmp_path / "hub")
    card = (tmp_path / "hub/README.md").read_text()
    assert card.startswith('---\npretty_name: "Faces of the lab"\nlicense: cc-by-4.0\nconfigs:\n')
    file = next((tmp_path / "hub/data").glob("train-*.parquet"))
    features = json.loads(pq.read_schema(file).metadata[b"huggingface"])["info"]["features"]
    people = features["identity"]["names"]
    assert features["identity"]["_type"] == "ClassLabel"
    for row in pq.read_table(file, columns=["identity", "identity_name"]).to_pylist():
        assert people[row["identity"]] == row["identity_name"]


def test_a_licence_that_the_hub_does_not_know_is_named(small_run: Path, tmp_path: Path) -> None:
    about = replace(ABOUT, licence="by contract: ask us")
    erase_faces(small_run / "aligned", small_run / "parsed", tmp_path / "shards", ERASE, STORE, RUN, dataset=about)
    export_huggingface(Store.open(tmp_path / "shards"), tmp_path / "hub")
    assert '\nlicense: other\nlicense_name: "by contract: ask us"\n' in (tmp_path / "hub/README.md").read_text()
    assert json.loads((tmp_path / "shards/croissant.json").read_text())["license"] == "by contract: ask us"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../up"),
        ("name", ""),
        ("name", "two words"),
        ("homepage", "javascript:1"),
        ("version", "1 2"),
        ("title", ""),
    ],
)
def test_a_name_a_page_or_a_version_of_another_form_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field):
        DatasetParams(**{field: value})

"""FiftyOne's dataset type: held against FiftyOne's own documents, and imported by FiftyOne where it is installed.

``fiftyone_schema.json`` says which fields the documents of FiftyOne 1.22.1 have, as its classes told.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edited_stores import with_description
from exported import N
from numpy.typing import NDArray
from stores import ARRAYS, SPLITS, VARIANTS, build_faces, build_people, face_spec, sample_id

from faceshards.errors import ExportError
from faceshards.export.fiftyone import export_fiftyone
from faceshards.regions import REGION_NAMES, Region
from faceshards.source.decode import decode_image, decode_labels
from faceshards.store.reader import Store

SCHEMA = json.loads(Path(__file__).with_name("fiftyone_schema.json").read_text())
SLICES = ["original", *(f"variant_{k}" for k in range(VARIANTS))]
DYNAMIC = "fiftyone.core.odm.embedded_document.DynamicEmbeddedDocument"
TYPES: dict[str, Any] = {"String": str, "Int": int, "Float": float, "List": list, "ObjectId": dict}

Export = tuple[Path, dict[str, Any], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("store")
    return Store.open(build_faces(root / "work", root / "out", dropped={sample_id("train", 3)}))


def exported(store: Store, out: Path, **options: Any) -> Export:
    export_fiftyone(store, out, **options)
    metadata = json.loads((out / "metadata.json").read_text())
    return out, metadata, json.loads((out / "samples.json").read_text())["samples"]


@pytest.fixture(scope="module")
def plain(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return exported(store, tmp_path_factory.mktemp("out") / "plain")


@pytest.fixture(scope="module")
def grouped(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return exported(store, tmp_path_factory.mktemp("out") / "grouped", view="variants")


@pytest.fixture(scope="module", params=["plain", "grouped"])
def either(request: pytest.FixtureRequest) -> Export:
    found: Export = request.getfixturevalue(request.param)
    return found


def test_the_description_has_only_what_fiftyones_documents_have(either: Export) -> None:
    _, metadata, _ = either
    assert {*metadata} <= {*SCHEMA["dataset"]}
    assert {*metadata["app_config"]} <= {*SCHEMA["app_config"]}
    assert {*metadata["app_config"]["color_scheme"]} <= {*SCHEMA["color_scheme"]}
    for field in metadata["sample_fields"]:
        for one in [field, *field["fields"]]:
            assert {*one, "created_at"} == {*SCHEMA["field"]}  # FiftyOne sets the time as it imports
        if (document := field["embedded_doc_type"]) and document != DYNAMIC:
            own = SCHEMA["documents"]["fiftyone.core.metadata.ImageMetadata" if "Metadata" in document else document]
            declared = {inner["db_field"]: inner["ftype"].rpartition(".")[2] for inner in field["fields"]}
            assert declared == own


def test_every_sample_has_the_fields_that_are_declared_and_their_types(either: Export) -> None:
    _, metadata, samples = either
    fields = {field["db_field"]: field for field in metadata["sample_fields"]}
    given_at_import = {"created_at", "last_modified_at", "_dataset_id"}
    assert {*SCHEMA["sample"]} - {"media_reference"} <= {*fields}
    for sample in samples:
        assert {*sample} == {*fields} - given_at_import
        for name, value in sample.items():
            check(value, fields[name])


def check(value: Any, field: dict[str, Any]) -> None:
    kind = field["ftype"].rpartition(".")[2].removesuffix("Field")
    if value is None:
        return
    if kind == "EmbeddedDocument":
        declared = {inner["db_field"]: inner for inner in field["fields"]}
        assert value["_cls"] in (field["embedded_doc_type"].rpartition(".")[2], "ImageMetadata")
        for name, inner in value.items():
            if name != "_cls":
                check(inner, declared[name])
    else:
        assert type(value) is TYPES[kind], (field["name"], value)


def test_pictures_and_masks_on_disk_are_the_stores(plain: Export, faces: dict[str, NDArray[Any]]) -> None:
    out, metadata, samples = plain
    assert [s["sample_id"] for s in samples if s["tags"] == ["train"]] == [
        sample_id("train", i) for i in range(N) if i != 3
    ]
    assert [s["sample_id"] for s in samples if s["tags"] == ["val"]] == [sample_id("val", i) for i in range(3)]
    for sample in samples[: N - 1]:
        row = int(sample["sample_id"][-4:])
        image, mask = ((out / path).read_bytes() for path in (sample["filepath"], sample["region"]["mask_path"]))
        np.testing.assert_array_equal(decode_image(image, "image"), faces["image"][row])
        np.testing.assert_array_equal(decode_labels(mask, "mask"), faces["region"][row])
        assert sample["metadata"]["size_bytes"] == len(image)
        assert sample["region_area"]["nose"] == pytest.approx((faces["region"][row] == Region.NOSE).mean(), abs=1e-6)
    targets = metadata["mask_targets"]["region"]
    assert [targets[str(i)] for i in range(len(REGION_NAMES))] == [*REGION_NAMES]
    assert targets["255"] == "no_region"


def test_variants_are_slices_of_a_group_whose_default_is_the_original(
    grouped: Export, faces: dict[str, NDArray[Any]]
) -> None:
    out, metadata, samples = grouped
    assert (metadata["media_type"], metadata["default_group_slice"]) == ("group", "original")
    assert metadata["group_media_types"] == dict.fromkeys(SLICES, "image")
    groups: dict[str, dict[str, Any]] = {}
    for sample in samples:
        groups.setdefault(sample["group"]["_id"]["$oid"], {})[sample["group"]["name"]] = sample
    assert len(groups) == N - 1 + SPLITS["val"]
    for group in [*groups.values()][: N - 1]:
        assert [*group] == SLICES
        assert len({sample["region"]["mask_path"] for sample in group.values()}) == 1
        row = int(group["original"]["sample_id"][-4:])
        for k, name in enumerate(SLICES[1:]):
            image = decode_image((out / group[name]["filepath"]).read_bytes(), name)
            np.testing.assert_array_equal(image, faces["variant"][row, k])
            assert group[name]["erased"] == [r.label for r in Region.of_mask(int(faces["erased"][row, k]))]
        assert group["original"]["erased"] == []


def test_no_two_ids_are_alike_and_a_face_keeps_its_own(plain: Export, grouped: Export) -> None:
    def ids(samples: list[dict[str, Any]]) -> list[str]:
        labels = [sample[name] for sample in samples for name in ("region", "identity")]
        return [document["_id"]["$oid"] for document in (*samples, *labels)]

    assert len({*ids(grouped[2])}) == len(ids(grouped[2]))
    assert {*ids(plain[2])} <= {*ids(grouped[2])}


def test_people_have_names_of_their_own_and_a_face_of_nobody_has_none(tmp_path: Path) -> None:
    people = Store.open(build_people(tmp_path / "people", [0, 12, -1], ((0, 2), (9, 13))))
    _, _, samples = exported(people, tmp_path / "out")
    assert [(s["identity"] and s["identity"]["label"], s["label"], s["class_id"]) for s in samples] == [
        ("0", 0, 0),
        ("12", 5, 12),
        (None, None, None),
    ]


def test_the_licence_is_the_stores_whatever_it_tells_about_itself(tmp_path: Path) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "store", face_spec({"val": 3}))
    with_description(path, lambda info: info["about"].update(licence="none", citation="them"))
    _, metadata, _ = exported(Store.open(path), tmp_path / "out")
    assert (metadata["info"]["licence"], metadata["info"]["citation"]) == ("CC0-1.0", "them")


def test_a_store_without_originals_is_refused(tmp_path: Path) -> None:
    spec = face_spec({"val": 3}, arrays=tuple(array for array in ARRAYS if array.name != "image"))
    bare = Store.open(build_faces(tmp_path / "work", tmp_path / "bare", spec))
    with pytest.raises(ExportError, match="has no array 'image'"):
        export_fiftyone(bare, tmp_path / "out", view="variants")


@pytest.mark.filterwarnings("default")
def test_fiftyone_imports_it(plain: Export, grouped: Export, faces: dict[str, NDArray[Any]]) -> None:
    """Where it is installed; it is no dependency, and needs MongoDB: its own, or one at FIFTYONE_DATABASE_URI."""
    fo = pytest.importorskip("fiftyone", reason="fiftyone is not installed")
    kind = fo.types.FiftyOneDataset
    read = fo.Dataset.from_dir(str(plain[0]), dataset_type=kind, progress=False)
    together = fo.Dataset.from_dir(str(grouped[0]), dataset_type=kind, progress=False)
    try:
        assert read.count_values("tags") == {"train": N - 1, "val": SPLITS["val"]}
        assert read.mask_targets["region"] == {**dict(enumerate(REGION_NAMES)), 255: "no_region"}
        for sample in read.match_tags("train"):
            row = int(sample.sample_id[-4:])
            np.testing.assert_array_equal(sample.region.get_mask(), faces["region"][row])
            np.testing.assert_array_equal(decode_image(Path(sample.filepath).read_bytes(), "file"), faces["image"][row])
        noses = read.match(fo.ViewField("region_area.nose") > 0.02)
        assert len(noses) == sum(sample["region_area"]["nose"] > 0.02 for sample in plain[2])
        assert together.group_slices == SLICES
        lacks = together.select_group_slices("variant_0").match(fo.ViewField("erased").contains(["nose"]))
        lacking = [s for s in grouped[2] if s["group"]["name"] == "variant_0" and "nose" in s["erased"]]
        assert len(lacks) == len(lacking) > 0
    finally:
        read.delete()
        together.delete()

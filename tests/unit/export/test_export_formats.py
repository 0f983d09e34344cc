"""Each format of an export holds the store's faces pixel for pixel, with their ids, labels and regions."""

import csv
import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from edited_stores import Row, build_edited
from exported import N, erased_names, members
from numpy.typing import NDArray
from ruamel.yaml import YAML
from stores import VARIANTS, build_faces, build_people, face_spec, sample_id

from faceshards.errors import ExportError
from faceshards.export.faces import Selection
from faceshards.export.huggingface import export_huggingface
from faceshards.export.imagefolder import export_imagefolder
from faceshards.export.recordio import _write_record, export_recordio
from faceshards.export.webdataset import export_webdataset
from faceshards.recordioformat import MAGIC
from faceshards.regions import REGION_NAMES
from faceshards.source.decode import decode_image, decode_labels
from faceshards.source.open import open_source
from faceshards.source.recordfile import RecordFile
from faceshards.store.reader import Store


def test_webdataset_samples_are_named_parts_side_by_side(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]]
) -> None:
    export_webdataset(store, tmp_path / "out", faces_per_tar=10)
    tars = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert tars == ["train-000000.tar", "train-000001.tar", "train-000002.tar", "val-000000.tar"]
    parts = {name: data for tar in tars[:3] for name, data in members(tmp_path / "out" / tar).items()}
    assert [*parts][:4] == ["00000000.png", "00000000.cls", "00000000.region.png", "00000000.json"]
    for row in range(N):
        key = f"{row:08d}"
        np.testing.assert_array_equal(decode_image(parts[f"{key}.png"], key), faces["image"][row])
        np.testing.assert_array_equal(decode_labels(parts[f"{key}.region.png"], key), faces["region"][row])
        assert int(parts[f"{key}.cls"]) == faces["identity"][row]
        assert json.loads(parts[f"{key}.json"])["sample_id"] == sample_id("train", row)


def test_variants_are_exported_with_the_names_of_what_they_lack(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]]
) -> None:
    export_webdataset(store, tmp_path / "out", splits=["train"], view="variants")
    parts = members(tmp_path / "out/train-000000.tar")
    assert len(parts) == 4 * N * VARIANTS
    for row in range(N):
        for k in range(VARIANTS):
            key = f"{row:08d}-{k}"
            np.testing.assert_array_equal(decode_image(parts[f"{key}.png"], key), faces["variant"][row, k])
            assert json.loads(parts[f"{key}.json"])["erased"] == erased_names(faces, row, k)


def test_an_image_folder_is_a_source_of_the_same_faces(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]]
) -> None:
    export_imagefolder(store, tmp_path / "out")
    root = tmp_path / "out/train"
    source = open_source(root / "images")
    assert (source.name, len(source)) == ("imagefolder", N)
    for i in range(N):
        face = source.face(i)
        row = int(face.sample_id.rpartition("/")[2])
        assert int(str(face.identity)) == faces["identity"][row]
        np.testing.assert_array_equal(decode_image(source.image_bytes(i), "face"), faces["image"][row])
        mask = (root / "regions" / f"{face.sample_id}.png").read_bytes()
        np.testing.assert_array_equal(decode_labels(mask, "mask"), faces["region"][row])
    with (root / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample_id"] for row in rows] == [sample_id("train", i) for i in range(N)]
    assert all((root / row["path"]).is_file() for row in rows)


def test_identity_folders_sort_as_numbers(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.export.faces.Selection.num_identities", lambda *_: 1000)
    export_imagefolder(store, tmp_path / "out", splits=["val"])
    assert [p.name for p in sorted((tmp_path / "out/val/images").iterdir())] == ["000", "001", "002"]


@pytest.mark.parametrize("view", ["original", "variants"])
def test_recordio_is_a_source_of_the_same_faces(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]], view: Any
) -> None:
    export_recordio(store, tmp_path / "out", view=view)
    source = open_source(tmp_path / "out/train")
    images = faces["image"] if view == "original" else faces["variant"].reshape(-1, *faces["image"].shape[1:])
    identities = faces["identity"] if view == "original" else faces["identity"].repeat(VARIANTS)
    assert (source.name, len(source)) == ("recordio", len(images))
    for i, (image, identity) in enumerate(zip(images, identities, strict=True)):
        assert source.face(i).identity == str(identity)
        assert source.face(i).sample_id == str(i + 1)
        np.testing.assert_array_equal(decode_image(source.image_bytes(i), "face"), image)
    assert (tmp_path / "out/train/property").read_text() == "5,8,8\n"


def test_record_0_and_the_headers_are_insightfaces(store: Store, tmp_path: Path) -> None:
    export_recordio(store, tmp_path / "out", splits=["val"])
    file = RecordFile(tmp_path / "out/val/train.rec")
    assert struct.unpack("<IfQQ2f", file.read(0)) == (2, 0.0, 0, 0, 4.0, 4.0)
    offsets = dict(line.split("\t") for line in (tmp_path / "out/val/train.idx").read_text().splitlines())
    assert [*offsets] == ["0", "1", "2", "3"]
    for number in range(1, 4):
        header = struct.unpack_from("<IfQQ", file.read(int(offsets[str(number)])))
        assert header == (0, float(number - 1), number, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        MAGIC,
        MAGIC * 3,
        b"xxxx" + MAGIC,
        b"x" + MAGIC + MAGIC[:3],
        b"x" + MAGIC + b"yyy" + MAGIC,
    ],
)
def test_records_that_hold_the_magic_word_come_back_whole(tmp_path: Path, data: bytes) -> None:
    with (tmp_path / "a.rec").open("wb") as file:
        _write_record(file, data)
        second = file.tell()
        _write_record(file, b"next")
    records = RecordFile(tmp_path / "a.rec")
    assert (records.read(0), records.read(second)) == (data, b"next")


def test_parquet_has_png_bytes_and_the_features_of_datasets(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]]
) -> None:
    export_huggingface(store, tmp_path / "out", faces_per_file=20)
    files = sorted((tmp_path / "out/data").iterdir())
    assert [f.name for f in files] == [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "val-00000-of-00001.parquet",
    ]
    features = json.loads(pq.read_schema(files[0]).metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == features["region"] == {"_type": "Image"}
    rows = [row for file in files[:2] for row in pq.ParquetFile(file).read().to_pylist()]
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(decode_image(row["image"]["bytes"], "image"), faces["image"][i])
        np.testing.assert_array_equal(decode_labels(row["region"]["bytes"], "region"), faces["region"][i])
        assert (row["sample_id"], row["identity"], row["erased"]) == (sample_id("train", i), faces["identity"][i], [])
    assert "path: data/val-?????-of-?????.parquet" in (tmp_path / "out/README.md").read_text()


def test_people_are_numbered_by_label_where_class_ids_have_gaps(tmp_path: Path) -> None:
    grown = Store.open(build_people(tmp_path / "grown", [0, 12, 9], ((0, 2), (9, 13))))
    labels = [0, 5, 2]
    export_recordio(grown, tmp_path / "recordio")
    assert (tmp_path / "recordio/train/property").read_text() == "6,8,8\n"
    source = open_source(tmp_path / "recordio/train/train.rec")
    assert [source.face(i).identity for i in range(3)] == [str(label) for label in labels]
    export_imagefolder(grown, tmp_path / "folder")
    with (tmp_path / "folder/train/faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"][:9], row["label"], row["identity"]) for row in rows] == [
        ("images/0/", "0", "0"),
        ("images/5/", "5", "12"),
        ("images/2/", "2", "9"),
    ]
    export_webdataset(grown, tmp_path / "tars")
    parts = members(tmp_path / "tars/train-000000.tar")
    assert [int(parts[f"{row:08d}.cls"]) for row in range(3)] == labels
    assert [json.loads(parts[f"{row:08d}.json"])["identity"] for row in range(3)] == [0, 12, 9]
    export_huggingface(grown, tmp_path / "parquet")
    table = pq.read_table(tmp_path / "parquet/data/train-00000-of-00001.parquet")
    assert table["label"].to_pylist() == labels
    assert table["identity"].to_pylist() == [0, 12, 9]


def test_faces_without_identity_lie_flat_and_are_no_recordio(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = store.manifest
    nobody = manifest.set_column(manifest.schema.get_field_index("identity"), "identity", [[-1] * len(manifest)])
    anonymous = Store.open(store.path)
    anonymous.__dict__["manifest"] = nobody
    export_imagefolder(anonymous, tmp_path / "folder", splits=["val"])
    source = open_source(tmp_path / "folder/val/images")
    assert [source.face(i).identity for i in range(len(source))] == [None] * 3
    with pytest.raises(ExportError, match="has no identity, and every RecordIO face needs one"):
        export_recordio(anonymous, tmp_path / "records")


def test_png_of_regions_is_grey(store: Store, tmp_path: Path) -> None:
    export_webdataset(store, tmp_path / "out", splits=["val"])
    data = members(tmp_path / "out/val-000000.tar")["00000000.region.png"]
    assert io.BytesIO(data).read(26)[24:26] == bytes([8, 0])  # 8 bits, greyscale


def test_texts_of_the_card_are_read_back_as_they_are(store: Store, tmp_path: Path) -> None:
    title, licence = 'Gesichter "2" \\ \U0001f600 é: #\u2028.', "see \U0001d4d0"
    told = Store.open(store.path)
    told.info.update(licence=licence, about={"title": title})  # type: ignore[attr-defined]  # a dict of this test's own
    export_huggingface(told, tmp_path / "out", splits=["val"])
    head = YAML(typ="safe", pure=True).load((tmp_path / "out/README.md").read_text().split("---\n")[1])
    assert (head["pretty_name"], head["license_name"]) == (title, licence)


def test_the_card_names_every_column_of_the_files_and_every_region(store: Store, tmp_path: Path) -> None:
    export_huggingface(store, tmp_path / "out", splits=["val"])
    card = (tmp_path / "out/README.md").read_text()
    columns = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", card, re.MULTILINE)
    assert columns == pq.read_schema(tmp_path / "out/data/val-00000-of-00001.parquet").names
    regions = re.findall(r"^\| (\d+) \| `(\w+)` \|$", card, re.MULTILINE)
    assert [(int(region), name) for region, name in regions] == list(enumerate(REGION_NAMES))


def test_no_split_of_the_card_takes_the_files_of_another(tmp_path: Path) -> None:
    names = ("train", "train-2", "train-00000-of-00001")
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "store", face_spec(dict.fromkeys(names, 2))))
    export_huggingface(store, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    patterns = re.findall(r"^    path: (.*)$", card, re.MULTILINE)
    found = [[path.name for path in (tmp_path / "out").glob(pattern)] for pattern in patterns]
    assert found == [[f"{name}-00000-of-00001.parquet"] for name in names]
    assert re.findall(r'^  - split: "(.*)"$', card, re.MULTILINE) == ["train", "train_2", "train_00000_of_00001"]


def test_splits_that_datasets_would_take_for_one_are_not_exported_together(tmp_path: Path) -> None:
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "store", face_spec({"a-b": 2, "a_b": 2})))
    with pytest.raises(ExportError, match="found a-b, a_b; name those to export"):
        export_huggingface(store, tmp_path / "out")
    assert export_huggingface(store, tmp_path / "out", splits=["a-b"]) == {"a-b": 2}


def test_no_two_people_of_an_export_have_one_name(tmp_path: Path) -> None:
    def named(split: str, row: Row, _face: object) -> None:
        row["identity_name"] = ["ann (1)", "ann", "ann", "4", None][row["identity"]]

    people = Selection(Store.open(build_edited(tmp_path / "store", named))).people[:5]
    assert people == ["ann (1) (0)", "ann (1) (1)", "ann (2)", "4 (3)", "4 (4)"]


def test_class_ids_without_end_get_no_names(tmp_path: Path) -> None:
    store = Store.open(build_people(tmp_path / "store", [0, 1], ((0, 2), (2**40, 2**47))))
    with pytest.raises(ExportError, match="expected class ids below 10,000,000, each of which gets a name"):
        export_huggingface(store, tmp_path / "out")

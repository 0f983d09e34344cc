"""An export holds the store's faces pixel for pixel, and the same store gives the same bytes."""

import csv
import errno
import io
import json
import re
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from stores import SPLITS, VARIANTS, build_faces, build_people, face_arrays, face_spec, sample_id, tree

from faceshards.cli import main
from faceshards.errors import CorruptShardError, ExportError
from faceshards.export.fiftyone import export_fiftyone
from faceshards.export.huggingface import export_huggingface
from faceshards.export.imagefolder import export_imagefolder
from faceshards.export.recordio import _write_record, export_recordio
from faceshards.export.webdataset import export_webdataset
from faceshards.recordlayout import MAGIC
from faceshards.regions import REGION_NAMES
from faceshards.source.decode import decode_image, decode_labels
from faceshards.source.open import open_source
from faceshards.source.recordfile import RecordFile
from faceshards.store.folder import new_folder
from faceshards.store.reader import Store

EXPORTS = [export_webdataset, export_imagefolder, export_huggingface, export_recordio, export_fiftyone]
N = SPLITS["train"]

Export = Callable[..., None]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture(scope="module")
def store(path: Path) -> Store:
    return Store.open(path)


@pytest.fixture(scope="module")
def faces() -> dict[str, NDArray[Any]]:
    return face_arrays("train", 0, N)


def erased_names(faces: dict[str, NDArray[Any]], row: int, k: int) -> list[str]:
    return [name for i, name in enumerate(REGION_NAMES) if int(faces["erased"][row, k]) >> i & 1]


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # all files


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


@pytest.mark.parametrize("export", EXPORTS)
def test_the_same_store_gives_the_same_bytes(export: Export, store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "one")
    export(store, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_that_fails_leaves_nothing_and_one_that_is_there_stays(
    export: Export, store: Store, tmp_path: Path
) -> None:
    damaged = build_faces(tmp_path / "work", tmp_path / "damaged")
    (damaged / "train.zarr/image/c.2.0.0.0").write_bytes(b"")
    with pytest.raises(CorruptShardError):
        export(Store.open(damaged), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["damaged"]
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/left-by-a-kill").touch()
    export(store, tmp_path / "out")
    before = tree(tmp_path / "out")
    assert not any("left" in name for name in before)
    with pytest.raises(ExportError, match="expected nothing there; delete it"):
        export(store, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["damaged", "out"]


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


def test_what_the_store_does_not_have_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no split test; it has: train, val"):
        export_webdataset(store, tmp_path / "out", splits=["test"])
    with pytest.raises(ExportError, match="view 'both'; expected one of: original, variants"):
        export_webdataset(store, tmp_path / "out", view="both")  # type: ignore[arg-type]  # on purpose
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["webdataset", "imagefolder", "huggingface", "recordio", "fiftyone"])
def test_the_command_exports_a_store_at_a_path_or_a_url(
    format: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "cache"))
    for name, store in {"one": str(path), "two": f"file://{path}"}.items():
        done = CliRunner().invoke(main, ["export", format, store, str(tmp_path / name), "--split", "val"])
        assert done.exit_code == 0, done.output
    assert tree(tmp_path / "one") == tree(tmp_path / "two") != {}


def test_the_command_tells_errors_in_a_line(path: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", "webdataset", str(path), str(tmp_path)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(main, ["export", "webdataset", str(path), str(tmp_path)])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "delete it, or name another folder" in done.output


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_the_real_libraries_read_what_is_written(
    store: Store, tmp_path: Path, faces: dict[str, NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are installed; they are no dependencies."""
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    export_webdataset(store, tmp_path / "tars", splits=["train"])
    samples = list(webdataset.WebDataset(str(tmp_path / "tars/train-000000.tar"), shardshuffle=False).decode("rgb8"))
    np.testing.assert_array_equal([s["png"] for s in samples], faces["image"])
    assert [s["cls"] for s in samples] == faces["identity"].tolist()
    export_huggingface(store, tmp_path / "hf")
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "hf-cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == SPLITS
    np.testing.assert_array_equal([np.asarray(i) for i in loaded["train"]["image"]], faces["image"])
    np.testing.assert_array_equal([np.asarray(i) for i in loaded["train"]["region"]], faces["region"])
    assert loaded["train"]["identity"][:] == faces["identity"].tolist()


def program_of_the_docs(root: Path, which: str) -> str:
    """The Python program of docs/export.md that has a word in it."""
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs/export.md").read_text(), re.DOTALL)
    (program,) = (block for block in blocks if which in block)
    return str(program)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_webdataset_decodes_region_maps_as_the_docs_say(
    root: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    export_webdataset(store, tmp_path / "out/webdataset", splits=["val"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    collected = program_of_the_docs(root, "handle_extension").replace("    sample[", "    seen.append(sample); sample[")
    exec(f"seen = []\n{collected}", names)
    truth = face_arrays("val", 0, SPLITS["val"])
    np.testing.assert_array_equal([sample["region.png"] for sample in names["seen"]], truth["region"])
    np.testing.assert_array_equal([sample["png"] for sample in names["seen"]], truth["image"])


def test_pandas_reads_ids_and_names_as_text_as_the_docs_say(
    root: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = ["000123", "1e5", "NA"], ["null", "0x1F", "1_000"]
    named = Store.open(path)
    manifest = named.manifest
    at = [i for i, split in enumerate(manifest["split"].to_pylist()) if split == "val"]
    for column, texts in zip(("sample_id", "identity_name"), odd, strict=True):
        values = manifest[column].to_pylist()
        for i, text in zip(at, texts, strict=True):
            values[i] = text
        manifest = manifest.set_column(manifest.column_names.index(column), column, [values])
    named.__dict__["manifest"] = manifest
    export_imagefolder(named, tmp_path / "out/imagefolder", splits=["val"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(program_of_the_docs(root, "read_csv"), names)
    faces = names["faces"]
    assert (faces["sample_id"].tolist(), faces["identity_name"].tolist()) == odd
    assert faces["erased"].tolist() == ["", "", ""]
    assert faces["label"].dtype == np.int64


def test_png_of_regions_is_grey(store: Store, tmp_path: Path) -> None:
    export_webdataset(store, tmp_path / "out", splits=["val"])
    data = members(tmp_path / "out/val-000000.tar")["00000000.region.png"]
    assert io.BytesIO(data).read(26)[24:26] == bytes([8, 0])  # 8 bits, greyscale


def test_no_split_of_the_card_takes_the_files_of_another(tmp_path: Path) -> None:
    names = ("train", "train-2", "train-00000-of-00001")
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "store", face_spec(dict.fromkeys(names, 2))))
    export_huggingface(store, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    patterns = re.findall(r"^    path: (.*)$", card, re.MULTILINE)
    found = [[path.name for path in (tmp_path / "out").glob(pattern)] for pattern in patterns]
    assert found == [[f"{name}-00000-of-00001.parquet"] for name in names]


def test_the_card_names_every_column_of_the_files_and_every_region(store: Store, tmp_path: Path) -> None:
    export_huggingface(store, tmp_path / "out", splits=["val"])
    card = (tmp_path / "out/README.md").read_text()
    columns = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", card, re.MULTILINE)
    assert columns == pq.read_schema(tmp_path / "out/data/val-00000-of-00001.parquet").names
    regions = re.findall(r"^\| (\d+) \| `(\w+)` \|$", card, re.MULTILINE)
    assert [(int(region), name) for region, name in regions] == list(enumerate(REGION_NAMES))


def test_class_ids_without_end_get_no_names(tmp_path: Path) -> None:
    store = Store.open(build_people(tmp_path / "store", [0, 1], ((0, 2), (2**40, 2**47))))
    with pytest.raises(ExportError, match="expected class ids below 10,000,000, each of which gets a name"):
        export_huggingface(store, tmp_path / "out")


def test_of_two_exports_to_one_place_the_second_is_refused_and_the_first_is_whole(store: Store, tmp_path: Path) -> None:
    with new_folder(tmp_path / "out", ExportError) as folder:
        (folder / "mine").touch()
        with pytest.raises(ExportError, match="expected no other process at it"):
            export_webdataset(store, tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]


def test_a_full_disk_is_told_with_the_place_that_was_written_to(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"out'$") as caught, new_folder(tmp_path / "out", ExportError):
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it
    assert caught.value.filename == str(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

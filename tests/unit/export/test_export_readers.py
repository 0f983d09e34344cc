"""Other people's libraries read exports, where they are installed, also by the programs of docs/export.md."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stores import SPLITS, face_arrays

from faceshards.export.huggingface import export_huggingface
from faceshards.export.imagefolder import export_imagefolder
from faceshards.export.webdataset import export_webdataset
from faceshards.store.reader import Store


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

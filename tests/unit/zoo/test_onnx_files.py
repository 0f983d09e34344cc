"""A network is its graph and the files in which the graph keeps its weights."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from onnx_files import field, graph, tensor, write_graph

from faceshards.errors import WeightsError
from faceshards.store.durable import sha256_of
from faceshards.zoo.onnxfiles import external_files, model_sha256


def test_a_graph_with_its_weights_inside_is_its_file(tmp_path: Path) -> None:
    model = write_graph(tmp_path / "net.onnx")
    assert external_files(model) == []
    assert model_sha256(model) == sha256_of(model)


def test_weights_that_change_in_another_file_make_another_network(tmp_path: Path) -> None:
    model = write_graph(tmp_path / "net.onnx", "weights.bin", "parts/more.bin")
    (tmp_path / "parts").mkdir()
    for name in ("weights.bin", "parts/more.bin"):
        (tmp_path / name).write_bytes(b"weights")
    assert [file.relative_to(tmp_path).as_posix() for file in external_files(model)] == [
        "parts/more.bin",
        "weights.bin",
    ]
    before = model_sha256(model)
    (tmp_path / "weights.bin").write_bytes(b"others!")
    assert model_sha256(model) != before


def test_what_a_network_comes_to_is_what_sha256sum_says(tmp_path: Path) -> None:
    model = write_graph(tmp_path / "net.onnx", "weights.bin")
    (tmp_path / "weights.bin").write_bytes(b"weights")
    said = subprocess.run(["sha256sum", "net.onnx", "weights.bin"], cwd=tmp_path, capture_output=True, check=True)
    assert model_sha256(model) == hashlib.sha256(said.stdout).hexdigest()


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"net\.onnx: expected its weights beside it; .*weights\.bin is missing"):
        model_sha256(write_graph(tmp_path / "net.onnx", "weights.bin"))


NODE = field(5, field(5, tensor("in-a-node.bin")))
BRANCH = field(5, field(6, field(5, tensor("in-a-branch.bin"))))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (field(7, field(1, NODE)), "in-a-node.bin"),
        (field(7, field(1, BRANCH)), "in-a-branch.bin"),
        (field(25, field(7, NODE)), "in-a-node.bin"),
        (field(7, field(15, field(1, tensor("sparse.bin")))), "sparse.bin"),
        (graph() + graph("second.bin"), "second.bin"),
    ],
    ids=["an attribute of a node", "a branch", "a function", "a sparse tensor", "a graph given twice"],
)
def test_tensors_are_found_wherever_they_are_in_a_graph(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    assert external_files(tmp_path / "net.onnx") == [tmp_path / name]


@pytest.mark.parametrize("data", [b"\x3a\x7f", b"\x3a", b"\xff" * 20, b"\x3b", field(7, b"\x2a\x20x")])
def test_a_file_that_is_no_graph_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(WeightsError, match=r"net\.onnx: expected an ONNX file; found a damaged one"):
        external_files(tmp_path / "net.onnx")

"""The files that params name, where DVC sees them change."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from adapters import ColourNetwork, describe, write_torchscript
from file_server import FileServer
from onnx_files import write_graph

from faceshards.build.inputs import check_weights, link_inputs
from faceshards.build.params import Params
from faceshards.build.weights import weights_files
from faceshards.errors import DownloadError, LicenceError, ParamsError
from faceshards.store.durable import sha256_of
from faceshards.zoo.catalogue import model_of
from faceshards.zoo.published import read_published


@pytest.fixture
def params(small_params: Callable[..., Params], root: Path) -> Callable[..., Params]:
    demo = root / "manifests/demo.yaml"

    def made(
        labels: Path | None = None,
        landmarks: Path | None = None,
        path: Path = demo,
        yunet_model: Path | None = None,
        weights: object = "bundled",
        **plan: Path,
    ) -> Params:
        whole = small_params()
        return replace(
            whole,
            source=replace(
                whole.source,
                path=str(path),
                landmarks=landmarks and str(landmarks),
                labels=None if labels is None else str(labels),
            ),
            plan=replace(whole.plan, **{name: str(path) for name, path in plan.items()}),
            align=replace(whole.align, yunet_model=None if yunet_model is None else str(yunet_model)),
            parse=replace(whole.parse, weights=str(weights)),
        )

    return made


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def links(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_symlink())


def test_without_files_of_ones_own_they_are_as_the_repository_has_them(
    params: Callable[..., Params], root: Path, tmp_path: Path
) -> None:
    link_inputs(params(), tmp_path / "inputs", tmp_path / "parsers.yaml")
    assert tree(tmp_path / "inputs") == tree(root / "manifests/inputs")
    assert (tmp_path / "parsers.yaml").read_text() == (root / "manifests/parsers.yaml").read_text()


def test_each_link_leads_to_what_the_param_names_and_goes_when_the_param_does(
    params: Callable[..., Params], tmp_path: Path
) -> None:
    labels, model, weights = (tmp_path / name for name in ("labels", "yunet.onnx", "w.safetensors"))
    earlier, remove, points = tmp_path / "v1.parquet", tmp_path / "removed.txt", tmp_path / "points.csv"
    (labels / "labels_25").mkdir(parents=True)
    for file in (weights, earlier, remove, points):
        file.write_text(file.name)
    model.touch()
    inputs = tmp_path / "inputs"
    link_inputs(
        params(labels, points, labels, model, weights, earlier=earlier, remove=remove),
        inputs,
        tmp_path / "parsers.yaml",
    )
    assert (inputs / "source").resolve() == (inputs / "labels").resolve() == labels
    assert (inputs / "landmarks").resolve() == points
    assert (inputs / "labels").resolve() == labels
    assert (inputs / "earlier").resolve() == earlier
    assert (inputs / "remove").resolve() == remove
    assert (inputs / "yunet_model").resolve() == model
    assert [link.resolve() for link in (inputs / "weights").iterdir()] == [weights]
    link_inputs(params(), inputs, tmp_path / "parsers.yaml")
    assert links(inputs) == ["source"]
    assert (labels / "labels_25").is_dir()
    assert model.is_file()


def test_a_relative_path_is_one_from_the_working_directory(
    params: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.pth").write_text("weights")
    link_inputs(params(weights="w.pth"), Path("manifests/inputs"), Path("manifests/parsers.yaml"))
    assert Path("manifests/inputs/weights/w.pth").read_text() == "weights"
    assert not Path("manifests/inputs/weights/w.pth").readlink().is_absolute()


def test_a_description_brings_its_model_and_the_files_in_which_that_keeps_its_weights(tmp_path: Path) -> None:
    description = tmp_path / "net.yaml"
    description.write_text("model: nets/net[1].onnx\nclasses: regions25\n")
    write_graph(tmp_path / "nets/net[1].onnx", "weights.bin", "parts/more.bin")
    for name in ("net[1].onnx.data", "other.onnx"):
        (tmp_path / "nets" / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in weights_files(str(description))] == [
        *("net.yaml", "nets/net[1].onnx"),
        *("nets/parts/more.bin", "nets/weights.bin"),
    ]


def test_a_description_that_names_another_model_since_stops_the_stage(
    params: Callable[..., Params], tmp_path: Path
) -> None:
    description, inputs = tmp_path / "net.yaml", tmp_path / "inputs"
    for name in ("one.onnx", "two.onnx"):
        write_graph(tmp_path / name)
    description.write_text("model: one.onnx\nclasses: regions25\n")
    link_inputs(params(weights=description), inputs, tmp_path / "pins.yaml")
    check_weights(str(description), inputs)
    description.write_text("model: two.onnx\nclasses: regions25\n")
    with pytest.raises(ParamsError, match=r"other files than when the stage inputs ran.*two\.onnx.*dvc repro --force"):
        check_weights(str(description), inputs)


def test_a_path_that_stands_for_several_files_brings_them_all(params: Callable[..., Params], tmp_path: Path) -> None:
    write_graph(tmp_path / "yunet.onnx", "yunet.bin")
    (tmp_path / "yunet.bin").touch()
    for name in ("train.rec", "train.idx", "labels.zip.001", "labels.zip.002"):
        (tmp_path / name).touch()
    inputs = tmp_path / "inputs"
    made = params(tmp_path / "labels.zip.001", path=tmp_path / "train.rec", yunet_model=tmp_path / "yunet.onnx")
    link_inputs(made, inputs, tmp_path / "pins.yaml")
    assert {folder: links(inputs / folder) for folder in ("source", "labels", "yunet_model")} == {
        "source": ["train.idx", "train.rec"],
        "labels": ["labels.zip.001", "labels.zip.002"],
        "yunet_model": ["yunet.bin", "yunet.onnx"],
    }
    (tmp_path / "train.idx").unlink()
    with pytest.raises(ParamsError, match=r"source\.path: expected a file or a folder at .*train\.idx"):
        link_inputs(made, inputs, tmp_path / "pins.yaml")


@pytest.fixture
def published(tmp_path: Path, no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, FileServer]]:
    """The description of a network to download, and the server that it lies on."""
    monkeypatch.setenv("FACESHARDS_PARSERS", str(tmp_path / "kept"))
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    with FileServer((tmp_path / "net.ts").read_bytes()) as server:
        licence = {"accept": "Some-Data", "terms": "Research only.", "code": "MIT", "data": "some data"}
        yield describe(tmp_path, url=server.url("net.ts"), classes="regions25", licence=licence), server


def test_a_network_that_is_downloaded_is_told_by_its_description_and_its_hash(
    params: Callable[..., Params],
    published: tuple[Path, FileServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    description, server = published
    named, pins = params(weights=description), tmp_path / "parsers.yaml"
    with pytest.raises(LicenceError, match=r"parse\.accept_licence: Some-Data"):
        link_inputs(named, tmp_path / "inputs", pins)
    assert server.requests == []
    named = replace(named, parse=replace(named.parse, accept_licence="Some-Data"))
    link_inputs(named, tmp_path / "inputs", pins)
    sha256 = sha256_of(tmp_path / "net.ts")
    assert tree(tmp_path / "inputs/weights") == {
        "parser.yaml": description.read_bytes(),
        "net.ts.sha256": f"{sha256}\n".encode(),
    }
    told, kept = capsys.readouterr().out, model_of(description, read_published(description))
    assert kept.is_relative_to(tmp_path / "kept")
    assert told.startswith(f"{description}: downloading {server.url('net.ts')} to {kept}\n")
    assert f"pinned in {pins}, which is to be committed: SHA-256 {sha256}" in told
    assert links(tmp_path / "inputs/weights") == ["parser.yaml"]
    assert weights_files(str(description)) == [description, kept]
    asked = len(server.requests)
    link_inputs(named, tmp_path / "inputs", pins)
    assert len(server.requests) == asked
    assert capsys.readouterr().out == ""


def test_an_entry_of_the_zoo_is_told_by_a_copy_for_it_lies_outside_the_project(
    params: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESHARDS_PARSERS", str(tmp_path / "kept"))
    model = tmp_path / "kept/segface-lapa/segface-lapa.onnx"
    model.parent.mkdir(parents=True)
    write_graph(model)
    named = params(weights="zoo/segface-lapa.yaml")
    named = replace(named, parse=replace(named.parse, accept_licence="LaPa"))
    link_inputs(named, tmp_path / "inputs", tmp_path / "parsers.yaml")
    assert links(tmp_path / "inputs/weights") == []
    assert set(tree(tmp_path / "inputs/weights")) == {"segface-lapa.yaml", "segface-lapa.onnx.sha256"}


def test_another_file_under_the_address_stops_the_stage(
    params: Callable[..., Params], published: tuple[Path, FileServer], tmp_path: Path
) -> None:
    description, server = published
    named = params(weights=description)
    named = replace(named, parse=replace(named.parse, accept_licence="Some-Data"))
    link_inputs(named, tmp_path / "inputs", tmp_path / "parsers.yaml")
    model_of(description, read_published(description)).unlink()
    server.data = server.data + b" "
    with pytest.raises(DownloadError, match="expected SHA-256"):
        link_inputs(named, tmp_path / "inputs", tmp_path / "parsers.yaml")


@pytest.mark.parametrize("param", ["path", "landmarks", "labels", "earlier", "remove", "yunet_model", "weights"])
def test_a_file_that_is_not_there_is_named_with_its_param(
    param: str, params: Callable[..., Params], tmp_path: Path
) -> None:
    with pytest.raises(ParamsError, match=rf"\w+\.{param}: expected a file or a folder at .*missing; found nothing"):
        link_inputs(params(**{param: tmp_path / "missing"}), tmp_path / "inputs", tmp_path / "parsers.yaml")


def test_files_that_dvc_would_stumble_over_are_named(params: Callable[..., Params], tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    (faces / "p").mkdir(parents=True)
    (faces / "p/1 \u3000\n.png").touch()
    (faces / "p/link.png").symlink_to(faces / "p/1 \u3000\n.png")
    link_inputs(params(path=faces), tmp_path / "inputs", tmp_path / "parsers.yaml")
    (faces / "p/caf\udce9.png").touch()
    (faces / "p/gone.png").symlink_to(faces / "nowhere.png")
    os.mkfifo(faces / "p/pipe.png")
    (faces / "p/.dvcignore").write_text("*.png\n")
    (tmp_path / "elsewhere").mkdir()
    (faces / "q").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ParamsError, match=r"source\.path: .*found 5 that it cannot: ") as caught:
        link_inputs(params(path=faces), tmp_path / "inputs", tmp_path / "parsers.yaml")
    for said in (
        "p/caf\\xe9.png (its name is no UTF-8)",
        "p/gone.png (a link",
        "p/pipe.png (a pipe",
        "q (a link to a folder",
        "p/.dvcignore (by which DVC passes files over",
    ):
        assert said in str(caught.value)

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from adapters import ColourNetwork, describe, painted, write_onnx, write_torchscript
from parsers import random_images, tiny_network, tiny_weights
from torch import Tensor, nn
from torch.nn.functional import interpolate

from faceshards.parsing import load_parser
from faceshards.parsing.adapter import AdaptedParser
from faceshards.records import UInt8Array
from faceshards.store.durable import sha256_of

Write = Callable[[Path, ColourNetwork], None]


@pytest.fixture(params=["colours.ts", "colours.onnx"])
def model(request: pytest.FixtureRequest) -> tuple[str, Write]:
    """A file name and who writes it, for each framework that is there."""
    if request.param.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        return request.param, write_onnx
    return request.param, write_torchscript


def some_classes(b: int = 3, n: int = 25) -> UInt8Array:
    coarse = np.random.default_rng(0).integers(0, n, (b, 7, 7), np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


def test_a_network_of_the_25_regions_gives_its_classes(tmp_path: Path, model: tuple[str, Write]) -> None:
    name, write = model
    write(tmp_path / name, ColourNetwork(25))
    parser = load_parser(describe(tmp_path, model=name, classes="regions25"), "cpu")
    classes = some_classes()
    assert np.array_equal(parser.parse(painted(classes, 25)), classes)


def test_a_path_as_in_params_yaml_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    describe(tmp_path, model="net.ts", classes="regions25")
    monkeypatch.chdir(tmp_path)
    assert isinstance(load_parser("parser.yaml", "cpu"), AdaptedParser)


def test_our_own_network_as_torchscript_gives_what_it_gives_as_weights(tmp_path: Path) -> None:
    network = tiny_network().half().float()
    write_torchscript(tmp_path / "net.ts", network)
    images = random_images(3)
    parser = load_parser(describe(tmp_path, model="net.ts", classes="regions25"), "cpu")
    assert (parser.parse(images) == load_parser(tiny_weights(tmp_path), "cpu").parse(images)).mean() > 0.999


@pytest.mark.parametrize("size", [(512, 512), (56, 56), (96, 160)])
def test_a_network_of_another_size_sees_the_whole_face(
    tmp_path: Path, model: tuple[str, Write], size: tuple[int, int]
) -> None:
    name, write = model
    write(tmp_path / name, ColourNetwork(2))
    parser = load_parser(describe(tmp_path, model=name, classes=["background", "nose"], size=list(size)), "cpu")
    classes = some_classes(2, 2)
    regions = parser.parse(painted(classes, 2))
    assert (regions == classes * 10).mean() > 0.97  # all but borders
    inner = np.zeros((16, 16), bool)
    inner[3:13, 3:13] = True
    assert (regions == classes * 10)[:, np.tile(inner, (7, 7))].all()


def test_logits_of_another_size_than_the_input_are_resized_too(tmp_path: Path) -> None:
    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.colours = ColourNetwork(25)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = interpolate(self.colours(x), (28, 28), mode="area")
            return logits

    write_torchscript(tmp_path / "net.ts", Strided())
    parser = load_parser(describe(tmp_path, model="net.ts", classes="regions25"), "cpu")
    classes = some_classes()
    assert (parser.parse(painted(classes, 25))[:, 8::16, 8::16] == classes[:, 8::16, 8::16]).all()


def test_colours_go_in_as_the_description_says(tmp_path: Path, model: tuple[str, Write]) -> None:
    name, write = model
    write(tmp_path / name, ColourNetwork(25, mean=0.4, std=0.25))
    keys = {"model": name, "classes": "regions25", "mean": [0.4] * 3, "std": [0.25] * 3}
    classes = some_classes()
    right = load_parser(describe(tmp_path, **keys), "cpu").parse(painted(classes, 25))
    bgr = load_parser(describe(tmp_path, **keys, channels="bgr"), "cpu").parse(painted(classes, 25)[..., ::-1])
    scaled = {"scale": 1, "mean": [102] * 3, "std": [63.75] * 3}
    in_bytes = load_parser(describe(tmp_path, **{**keys, **scaled}), "cpu").parse(painted(classes, 25))
    for regions in (right, bgr, in_bytes):
        assert np.array_equal(regions, classes)


def test_the_pixels_of_a_class_without_a_region_go_to_the_next_likely(tmp_path: Path, model: tuple[str, Write]) -> None:
    name, write = model
    write(tmp_path / name, ColourNetwork(3))
    classes = ["background", "hair", "none"]
    regions = load_parser(describe(tmp_path, model=name, classes=classes), "cpu").parse(painted(some_classes(2, 3), 3))
    assert set(np.unique(regions)) == {0, 21}
    assert (regions[some_classes(2, 3) == 2] == 21).all()  # the colour of class 2 is nearer to that of 1 than of 0


class _Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.colours = ColourNetwork(25)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.colours(x)


class _Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.colours = ColourNetwork(25)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"first": x, "second": self.colours(x)}


@pytest.mark.parametrize(("network", "output"), [(_Pair(), 1), (_Named(), "second")])
def test_one_of_several_outputs_is_chosen(tmp_path: Path, network: nn.Module, output: int | str) -> None:
    write_torchscript(tmp_path / "net.ts", network)
    parser = load_parser(describe(tmp_path, model="net.ts", classes="regions25", output=output), "cpu")
    assert np.array_equal(parser.parse(painted(some_classes(), 25)), some_classes())


@pytest.mark.parametrize("output", [0, "logits"])
def test_an_onnx_output_is_chosen_by_place_or_name(tmp_path: Path, output: int | str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    write_onnx(tmp_path / "net.onnx", ColourNetwork(25))
    parser = load_parser(describe(tmp_path, model="net.onnx", classes="regions25", output=output), "cpu")
    assert np.array_equal(parser.parse(painted(some_classes(), 25)), some_classes())


@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_exported_for_one_batch_size_is_always_run_at_it(tmp_path: Path, batch: int) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    write_onnx(tmp_path / "net.onnx", ColourNetwork(25), batch)
    parser = load_parser(describe(tmp_path, model="net.onnx", classes="regions25", batch=batch), "cpu")
    for n in (0, 1, 6):
        assert np.array_equal(parser.parse(painted(some_classes(6), 25)[:n]), some_classes(6)[:n])


@pytest.mark.parametrize("classes", ["regions25", ["skin", *["background"] * 24]])
def test_threads_batches_and_repetition_change_no_region(tmp_path: Path, classes: str | list[str]) -> None:
    write_torchscript(tmp_path / "net.ts", tiny_network())
    path = describe(tmp_path, model="net.ts", classes=classes, batch=4)
    images = random_images(11)
    one, two = (load_parser(path, "cpu", threads=n) for n in (1, 2))
    first = one.parse(images)
    parts = np.concatenate([two.parse(images[i : i + 3]) for i in range(0, 11, 3)])
    assert np.array_equal(parts, first)
    assert np.array_equal(one.parse(images), first)  # TorchScript's first runs are unoptimised ones


def test_the_callers_number_of_threads_stays(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    parser = load_parser(describe(tmp_path, model="net.ts", classes="regions25"), "cpu")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        parser.parse(random_images(2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_says_which_files_device_and_versions_made_the_result(tmp_path: Path, model: tuple[str, Write]) -> None:
    name, write = model
    write(tmp_path / name, ColourNetwork(25))
    path = describe(tmp_path, model=name, classes="regions25")
    provenance = load_parser(path, "cpu").provenance
    assert provenance["weights_sha256"] == sha256_of(tmp_path / name)
    assert provenance["description_sha256"] == sha256_of(path)
    assert provenance["device"] == "cpu"
    assert {"torch", "opencv"} <= set(provenance)
    assert ("onnxruntime" in provenance) == name.endswith(".onnx")


class _Probabilities(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.network = ColourNetwork(n)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.network(x), dim=1)


@pytest.mark.parametrize("batch", [1, 4])
def test_how_sure_a_network_of_probabilities_is_changes_no_region_and_no_neighbour(tmp_path: Path, batch: int) -> None:
    write_torchscript(tmp_path / "net.ts", _Probabilities(25))
    parser = load_parser(describe(tmp_path, model="net.ts", classes="regions25", batch=batch), "cpu")
    images = random_images(5)
    found = parser.assess(images)
    assert np.array_equal(found.regions, parser.parse(images))
    alone = [parser.assess(images[i : i + 1]) for i in range(5)]
    assert np.array_equal(found.probability, np.concatenate([face.probability for face in alone]))
    assert np.array_equal(found.regions, np.concatenate([face.regions for face in alone]))


@pytest.mark.parametrize("classes", ["regions25", ["background", "skin", *["nose"] * 23]])
def test_no_faces_give_no_regions(tmp_path: Path, classes: str | list[str]) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    parser = load_parser(describe(tmp_path, model="net.ts", classes=classes), "cpu")
    assert parser.parse(random_images(0)).shape == (0, 112, 112)
    assert [layer.shape for layer in parser.assess(random_images(0))[:2]] == [(0, 112, 112)] * 2

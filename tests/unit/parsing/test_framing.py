"""Where a face lies in the picture that a network takes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from adapters import ColourNetwork, describe, painted, write_torchscript
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from faceshards.errors import ParamsError
from faceshards.ops.align import TEMPLATE
from faceshards.parsing import load_parser
from faceshards.parsing.adapterparams import AdapterParams, read_adapter
from faceshards.parsing.framing import Filling, Framed
from faceshards.zoo.catalogue import description_of

CPU = torch.device("cpu")


def entry(name: str) -> AdapterParams:
    return read_adapter(description_of(f"zoo/{name}.yaml"))


def framed(params: AdapterParams) -> Framed:
    return Framed(params.size, np.array(params.points), params.tanh_warp, CPU)


def coordinates() -> Tensor:
    """(1, 3, 112, 112): x and y of each pixel's centre, counted from the edge, and ones."""
    y, x = torch.meshgrid(torch.arange(112.0) + 0.5, torch.arange(112.0) + 0.5, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)])[None]


def facer_matrix(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): the least-squares similarity from an aligned face's five points to these, by the normal equations."""
    rows = [[x, -y, 1, 0] for x, y in TEMPLATE + 0.5] + [[y, x, 0, 1] for x, y in TEMPLATE + 0.5]
    a, b, dx, dy = np.linalg.lstsq(np.array(rows), np.concatenate([points[:, 0], points[:, 1]]))[0]
    return np.array([[a, -b, dx], [b, a, dy], [0, 0, 1]])


@pytest.mark.parametrize("name", ["farl-lapa", "farl-celebamask"])
@pytest.mark.parametrize("at", [(224, 224), (200, 150), (320, 250), (110, 300), (350, 360)])
def test_a_pixel_of_the_network_shows_the_face_where_facer_s_formula_says(name: str, at: tuple[int, int]) -> None:
    params = entry(name)
    x, y, inside = framed(params).to_network(coordinates())[0, :, at[0], at[1]].tolist()
    assert inside == pytest.approx(1)
    aligned = []
    for pixel in (at[1] + 0.5, at[0] + 0.5):
        u, w = pixel / 448 * 2 - 1, params.tanh_warp
        if w and abs(u) > 1 - w:
            u = math.copysign(1 - w + w * math.atanh((abs(u) - 1 + w) / w), u)
        aligned.append((u + 1) / 2 * 448)
    expected = np.linalg.inv(facer_matrix(np.array(params.points))) @ [*aligned, 1]
    assert [x, y] == pytest.approx(expected[:2].tolist(), abs=0.01)


def test_celebamask_s_crop_is_146_pixels_of_an_aligned_face_and_black_around_it() -> None:
    inside = framed(entry("farl-celebamask")).to_network(coordinates())[0, 2]
    assert inside.sum().item() / 448**2 == pytest.approx((112 / 146.5) ** 2, abs=0.002)
    assert (inside[:50] == 0).all()
    assert (inside[220:230, 220:230] > 0.999).all()


@pytest.mark.parametrize("name", ["farl-lapa", "farl-celebamask"])
def test_what_goes_to_the_network_comes_back_where_it_was(name: str) -> None:
    framing = framed(entry(name))
    there = coordinates()
    back = framing.to_face(framing.to_network(there))
    assert (back - there)[..., 3:-3, 3:-3].abs().max() < 0.05


@settings(max_examples=20)
@given(
    st.floats(0.3, 4),
    st.floats(-0.3, 0.3),
    st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    st.just(0.0) | st.floats(0.01, 1),
)
def test_any_five_points_and_any_warp_come_back(
    scale: float, turn: float, shift: tuple[float, float], warp: float
) -> None:
    """As far as the face lies in the network's picture, and is not squeezed to nothing."""
    rotation = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    side = round(112 * scale) + 40
    points = (TEMPLATE - 56) @ rotation.T + side / 2 + np.array(shift) * min(scale, 1)
    framing = Framed((side, side), points, warp, CPU)
    there = coordinates()[:, :2]
    back = framing.to_face(framing.to_network(there))
    middle = (back - there)[..., 46:66, 46:66].abs().max()
    assert middle < 0.2 + 1 / scale


def test_a_face_that_fills_the_input_is_framed_by_its_own_template_alike() -> None:
    faces = torch.rand(2, 3, 112, 112)
    own = Framed((112, 112), TEMPLATE + 0.5, 0, CPU)
    assert torch.allclose(own.to_network(faces), Filling((112, 112)).to_network(faces), atol=1e-4)


def test_a_shrunk_picture_averages(tmp_path: Path) -> None:
    faces = torch.arange(112 * 112).float().reshape(1, 1, 112, 112) % 2 * 100  # stripes of a pixel
    half = Framed((56, 56), (TEMPLATE + 0.5) / 2, 0, CPU).to_network(faces)
    assert (half[..., 2:-2, 2:-2] - 50).abs().max() < 1


def test_points_in_a_description_reach_the_network(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    classes = np.zeros((1, 112, 112), np.uint8)
    classes[:, 40:72, 30:60] = 10
    points = ((TEMPLATE + 0.5) * 2 + 30).tolist()
    path = describe(tmp_path, model="net.ts", classes="regions25", size=[300, 300], points=points, tanh_warp=0.3)
    regions = load_parser(path, "cpu").parse(painted(classes, 25))
    assert (regions == classes)[:, 20:90, 20:90].mean() > 0.98


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"tanh_warp": 0.8}, "tanh_warp: expected `points` with it"),
        ({"tanh_warp": 0.001, "points": TEMPLATE.tolist()}, "tanh_warp: expected 0, or 0.01 to 1"),
        ({"points": [[1, 1]] * 5}, "points: the five points lie within one pixel"),
        ({"points": TEMPLATE[[1, 0, 2, 3, 4]].tolist()}, "points: the eyes are exchanged"),
        ({"points": TEMPLATE[:4].tolist()}, "points"),
        ({"points": (TEMPLATE / 20).tolist()}, r"points: expected a face of 0\.2 to 10 times .*; found 0\.05"),
        ({"points": (TEMPLATE * 100).tolist()}, r"points: expected a face of 0\.2 to 10 times .*; found 100"),
        ({"tanh_warp": 1.5, "points": TEMPLATE.tolist()}, "tanh_warp: Input should be less than or equal to 1"),
    ],
)
def test_points_that_cannot_be_are_named(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ParamsError, match=problem):
        read_adapter(describe(tmp_path, model="net.ts", classes="regions25", **keys))
